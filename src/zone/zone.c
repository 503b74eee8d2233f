#include "zone/zone.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct zone {
	GTimeZone *zone;
	char name[];
};

struct zones {
	struct table *known;
};

struct zones *zones_new(void)
{
	struct zones *zones = calloc(1, sizeof(*zones));

	if (!zones)
		return NULL;
	zones->known = table_new(ZONES_MAX);
	if (zones->known)
		return zones;
	free(zones);
	return NULL;
}

static void free_zone(void *arg, void *object)
{
	struct zones *zones = arg;
	struct zone *zone = object;

	(void)table_remove(zones->known, zone->name, strlen(zone->name));
	g_time_zone_unref(zone->zone);
	free(zone);
}

void zones_free(struct zones *zones)
{
	if (!zones)
		return;
	table_visit(zones->known, free_zone, zones);
	table_free(zones->known);
	free(zones);
}

/* A reference of the caller's; null: there is none. */
static GTimeZone *find(struct zones *zones, const char *name)
{
	const size_t len = strlen(name);
	struct zone *zone = table_find(zones->known, name, len);
	GTimeZone *found;

	if (zone)
		return g_time_zone_ref(zone->zone);
	found = g_time_zone_new_identifier(name);
	if (!found)
		return NULL;
	zone = malloc(sizeof(*zone) + len + 1);
	if (!zone)
		return found;
	memcpy(zone->name, name, len + 1);
	zone->zone = found;
	if (table_insert(zones->known, zone->name, len, zone))
		return g_time_zone_ref(found);
	free(zone);
	return found;
}

bool zones_has(struct zones *zones, const char *name)
{
	GTimeZone *zone = find(zones, name);

	if (!zone)
		return false;
	g_time_zone_unref(zone);
	return true;
}

int64_t zones_offset_s(struct zones *zones, const char *name, int64_t at_s)
{
	GTimeZone *zone = find(zones, name);
	int64_t offset_s;

	if (!zone)
		return 0;
	offset_s = g_time_zone_get_offset(
		zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s));
	g_time_zone_unref(zone);
	return offset_s;
}
