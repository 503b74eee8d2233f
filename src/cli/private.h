/*
 * private - what this process holds in memory stays there: no core file, and no other process of
 * its user may look into it (prctl(2), PR_SET_DUMPABLE).
 */
#ifndef CLI_PRIVATE_H
#define CLI_PRIVATE_H

/* For the life of the process and of those it forks.  Cannot fail. */
void private_keep(void);

#endif
