/*
 * From the path to the service. The first row that fits counts; "*" stands for one segment.
 */
#include "simulator/sim.h"

#include <string.h>

const char *const service_names[SERVICES] = { "graph", "quota", "outlet", "conversation" };

static const struct route {
	const char *method;
	const char *path[REQUEST_SEGMENTS];
	enum service service; /* whose call it counts as */
	void (*serve)(struct sim *sim, struct exchange *exchange);
} routes[] = {
	{ "GET",
	  { "api", "v1", "tenants", "*", "quota", "check" },
	  SERVICE_QUOTA,
	  tenant_serve_quota },
	{ "GET", { "api", "v1", "outlets", "*" }, SERVICE_OUTLET, tenant_serve_outlet },
	{ "POST", { "api", "v1", "messages" }, SERVICE_CONVERSATION, conversation_serve },
	{ "POST", { "*", "*", "messages" }, SERVICE_GRAPH, graph_serve },
	{ "POST", { "*", "messages" }, SERVICE_GRAPH, graph_serve },
};

static bool route_fits(const struct route *route, const struct request *request)
{
	size_t i;

	for (i = 0; i < REQUEST_SEGMENTS && route->path[i]; i++) {
		if (i == request->segment_count)
			return false;
		if (route->path[i][0] != '*' && strcmp(route->path[i], request->segments[i]) != 0)
			return false;
	}
	return i == request->segment_count;
}

static void copy(struct buf *to, const struct buf *from)
{
	buf_clear(to, REQUEST_HEADERS_MAX);
	buf_append(to, from->at, from->len);
}

static void remember(struct sim *sim, enum service service, const struct exchange *exchange)
{
	struct last_request *last = &sim->last[service];

	last->proto = exchange->conn->proto->name;
	memcpy(last->method, exchange->request.method, sizeof(last->method));
	copy(&last->target, &exchange->request.target);
	copy(&last->headers, &exchange->request.headers);
	copy(&last->body, &exchange->request.body);
	sim->totals.calls[service]++;
}

static void refuse(struct sim *sim, struct exchange *exchange, int status, const char *json)
{
	sim->totals.unknown_requests++;
	sim_answer_json(&exchange->answer, status, json);
	exchange_send(exchange, 0);
}

void router_serve(void *ctx, struct exchange *exchange)
{
	struct sim *sim = ctx;
	struct request *request = &exchange->request;
	bool path_fits = false;

	if (!request_split_path(request)) {
		refuse(sim, exchange, 400, "{\"error\":\"the path is malformed\"}");
		return;
	}
	if (strcmp(request->segments[0], "_sim") == 0) {
		control_serve(sim, exchange);
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!route_fits(&routes[i], request))
			continue;
		path_fits = true;
		if (strcmp(routes[i].method, request->method) != 0)
			continue;
		remember(sim, routes[i].service, exchange);
		routes[i].serve(sim, exchange);
		return;
	}
	if (path_fits)
		refuse(sim, exchange, 405, "{\"error\":\"the method is not allowed here\"}");
	else
		refuse(sim, exchange, 404, "{\"error\":\"there is nothing at this path\"}");
}

bool sim_digits(const char *text, char *to, size_t size)
{
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		if (strchr("+ -()", *c))
			continue;
		if (*c < '0' || *c > '9' || n + 1 >= size)
			return false;
		to[n++] = *c;
	}
	to[n] = 0;
	return n > 0;
}

void sim_answer_json(struct answer *answer, int status, const char *json)
{
	answer->status = status;
	answer_field(answer, "content-type", "application/json; charset=UTF-8");
	buf_text(&answer->body, json);
}
