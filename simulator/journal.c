#include "simulator/journal.h"

#include <inttypes.h>
#include <stdint.h>
#include <time.h>

void journal_write(FILE *journal, const char *service, const char *id, bool taken,
		   const char *wamid)
{
	struct timespec now;

	if (!journal)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(journal, "%" PRId64 " %s %s %s %s\n",
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, service, *id ? id : "-",
		taken ? "taken" : "refused", wamid ? wamid : "-");
	fflush(journal);
}
