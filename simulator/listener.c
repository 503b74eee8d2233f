#include "simulator/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void accept_all(struct watch *watch, uint32_t events)
{
	struct listener *listener =
		(struct listener *)((char *)watch - offsetof(struct listener, watch));
	int fd, on = 1;

	(void)events;
	while ((fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		conn_open(listener->net, fd, listener->is_tls);
	}
}

int listener_open(struct listener *listener, struct net *net, int port, bool is_tls)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*listener = (struct listener){ .net = net, .is_tls = is_tls };
	listener->watch = (struct watch){ .fd = fd, .ready = accept_all };
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    loop_watch(net->loop, &listener->watch, EPOLLIN) < 0) {
		close(fd);
		return -1;
	}
	listener->port = ntohs(address.sin_port);
	return 0;
}

void listener_close(struct listener *listener)
{
	close(listener->watch.fd);
}
