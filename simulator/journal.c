#include "simulator/journal.h"

#include <inttypes.h>
#include <stdint.h>
#include <time.h>

static void write_line(FILE *journal, const char *what, const char *id, const char *verdict,
		       const char *wamid)
{
	struct timespec now;

	if (!journal)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(journal, "%" PRId64 " %s %s %s %s\n",
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, what, *id ? id : "-", verdict,
		wamid ? wamid : "-");
	fflush(journal);
}

void journal_write(FILE *journal, const char *service, const char *id, bool taken,
		   const char *wamid)
{
	write_line(journal, service, id, taken ? "taken" : "refused", wamid);
}

void journal_receipt(FILE *journal, const char *id, const char *status, const char *wamid)
{
	write_line(journal, "receipt", id, status, wamid);
}
