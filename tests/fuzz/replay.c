/*
 * The main of a fuzz target without libFuzzer, for every compiler: each seed as it is, cut at
 * every length, and changed at random but always in the same way.
 *
 * Seeds are the files of $srcdir/tests/fuzz/seeds/<name>, <name> being the program's behind
 * "replay_"; or those named as arguments, as they are only (to look into what was found).
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SEED_BYTES_MAX ((size_t)256 * 1024)
#define CUTS_MAX 1500
#define CHANGED_AT_ONCE 6
#define CHANGES 3000

static uint64_t state;

/* splitmix64: the same row of numbers everywhere. */
static uint64_t next_number(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static size_t below(size_t limit)
{
	return limit == 0 ? 0 : (size_t)(next_number() % limit);
}

/* A copy of exactly its size, so that a sanitizer sees a read behind it. */
static void run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	MUST_HOLD(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

/* Room for one byte more must be there. */
static size_t change(uint8_t *data, size_t size)
{
	static const char telling[] = "\0\1\"\\{}[],:%&= \n\x7f\x80\xc0\xed\xff";
	const size_t at = below(size);

	switch (below(5)) {
	case 0:
		data[at] = (uint8_t)telling[below(sizeof(telling))];
		return size;
	case 1:
		data[at] = (uint8_t)(data[at] ^ 1u << below(8));
		return size;
	case 2:
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)telling[below(sizeof(telling))];
		return size + 1;
	case 3:
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	default: { /* a piece of it twice, over what was there */
		const size_t from = below(size);
		const size_t most = size - (from > at ? from : at);

		memmove(data + at, data + from, below(most + 1));
		return size;
	}
	}
}

static void vary(const uint8_t *seed, size_t size)
{
	uint8_t *data = malloc(size + CHANGED_AT_ONCE + 1);
	const size_t step = size / CUTS_MAX + 1;

	MUST_HOLD(data != NULL);
	for (size_t cut = 0; cut < size; cut += step)
		run_exact(seed, cut);
	for (unsigned i = 0; i < CHANGES && size > 0; i++) {
		size_t now = size;

		memcpy(data, seed, size);
		for (size_t times = 1 + below(CHANGED_AT_ONCE); times > 0 && now > 0; times--)
			now = change(data, now);
		run_exact(data, now);
	}
	free(data);
}

static void run_file(const char *path, int varied)
{
	static uint8_t data[SEED_BYTES_MAX];
	FILE *in = fopen(path, "re");
	size_t size;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	size = fread(data, 1, sizeof(data), in);
	(void)fclose(in);
	run_exact(data, size);
	if (varied)
		vary(data, size);
}

static unsigned run_folder(const char *path)
{
	struct dirent **names;
	const int count = scandir(path, &names, NULL, alphasort);
	unsigned files = 0;
	char file[4096 + 256];

	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.') {
			state = files;
			(void)snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
			run_file(file, 1);
			files++;
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return files;
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	const char *name = strstr(argv[0], "replay_");
	char folder[4096];
	unsigned files;

	for (int i = 1; i < argc; i++)
		run_file(argv[i], 0);
	if (argc > 1)
		return EXIT_SUCCESS;
	(void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/seeds/%s", source ? source : ".",
		       name ? name + strlen("replay_") : "");
	files = run_folder(folder);
	/* As Check says it: ./run-tests counts. */
	printf("%d%%: Checks: %u, Failures: 0, Errors: %d\n", files > 0 ? 100 : 0,
	       files > 0 ? files : 1, files > 0 ? 0 : 1);
	return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
