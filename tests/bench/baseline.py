"""Fixed work: the same requests against an nginx that answers at once.  It says what bytes and
wake-ups cost on this machine at this hour."""

import os

from stack import Failure, Part, free_port, http
from steps import Load, Step, Window

STEP = Step("baseline", 3000, 3, warmup=1, ramp=0)
CONF = """
{user}
daemon off;
pid {directory}/pid;
error_log {directory}/error.log;
worker_processes 1;
events {{ worker_connections 6000; }}
http {{
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path {directory}/body;
	fastcgi_temp_path {directory}/fastcgi;
	proxy_temp_path {directory}/proxy;
	scgi_temp_path {directory}/scgi;
	uwsgi_temp_path {directory}/uwsgi;
	server {{
		listen 127.0.0.1:{port} backlog=4096;
		location / {{
			default_type application/json;
			return 200 '{{"status":"sent"}}';
		}}
	}}
}}
"""


def measure_baseline(program, directory):
    """CPU µs a request of nginx and the generator together."""
    os.makedirs(directory)
    port = free_port()
    conf = os.path.join(directory, "conf")
    with open(conf, "w") as file:
        file.write(CONF.format(directory=directory, port=port,
                               user="user root;" if os.geteuid() == 0 else ""))
    part = Part("baseline", ["nginx", "-p", directory, "-e", os.path.join(directory, "error.log"),
                             "-c", conf], directory)
    try:
        part.wait_for(lambda: http(f"http://127.0.0.1:{port}/")[0] == 200, 10)
        window = Window({"nginx": part.pid})
        load = Load(program, STEP, port, window.mark).result()
    finally:
        part.stop()
    if load["measured"]["classes"]["2xx"] != load["measured"]["sent"]:
        raise Failure(f"the baseline itself had errors: {load['measured']}")
    return window.cpu()["nginx"] * 1e6 / load["measured"]["sent"] + load["cpu_us_per_request"]
