#include "process/beacon_keeper.h"

#include <string.h>

#define KEEP_MS 5000

void beacon_keeper_open(struct beacon_keeper *k, const struct log *log, const char *dir,
			const char *socket)
{
	*k = (struct beacon_keeper){ .log = log };
	beacon_file_path(dir, socket, k->path);
	k->kept = beacon_file_read(k->path);
}

static bool is_kept(const struct beacon_keeper *k, const struct beacon_known *known)
{
	return !known->any || (k->kept.any && k->kept.ticks == known->ticks &&
			       message_id_equal(k->kept.id, known->id));
}

static void *write_down(void *arg)
{
	struct beacon_keeper *k = arg;

	k->failed = beacon_file_write(k->path, &k->known, &k->err) != 0;
	return NULL;
}

static void written(struct beacon_keeper *k)
{
	if (k->failed && (!k->told || k->told_code != k->err.code))
		log_text(k->log, LOG_WARNING, "no_beacon_file",
			 "%s: an earlier copy of the database might not be noticed at the next "
			 "start; give STATE_DIR a directory that the service may write in",
			 k->err.text);
	else if (!k->failed && k->told)
		log_text(k->log, LOG_INFO, "beacon_file", "%s is written again", k->path);
	k->told = k->failed;
	k->told_code = k->err.code;
	if (!k->failed)
		k->kept = k->known;
}

static void start(struct beacon_keeper *k)
{
	const int rc = pthread_create(&k->thread, NULL, write_down, k);

	k->writing = rc == 0;
	if (k->writing)
		return;
	k->failed = true;
	err_set(&k->err, ERR_TEMPORARY, rc, "no thread to write %s: %s", k->path, strerror(rc));
	written(k);
}

void beacon_keeper_keep(struct beacon_keeper *k, const struct beacon_known *known, int64_t now_ms)
{
	if (k->writing) {
		if (pthread_tryjoin_np(k->thread, NULL) != 0)
			return;
		k->writing = false;
		written(k);
	}
	if (now_ms < k->next_ms || is_kept(k, known))
		return;
	k->next_ms = now_ms + KEEP_MS;
	k->known = *known;
	start(k);
}

void beacon_keeper_close(struct beacon_keeper *k, const struct beacon_known *known)
{
	if (k->writing) {
		(void)pthread_join(k->thread, NULL);
		k->writing = false;
		written(k);
	}
	if (is_kept(k, known))
		return;
	k->known = *known;
	(void)write_down(k);
	written(k);
}
