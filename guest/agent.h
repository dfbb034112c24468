#pragma once
/* The process that stays in the guest for its host. */
#include "guest/init.h"

/* The name that it goes by: the "@" keeps systemd-shutdown from waiting for it. */
#define AGENT_NAME "@banger-guest"
#define AGENT_VERB "agent"

/* What process 1 hands over. */
typedef struct AgentConfig {
        int host_fd;   /* connection to the host, configured already */
        int parent_fd; /* to process 1: a byte when it may go on; its end: the init runs */
        InitKind init;
        const char *lacks; /* what the guest does without, for its host; NULL: nothing */
} AgentConfig;

/* Forks; the child becomes the agent. Takes both descriptors in the child only. */
int agent_start(const AgentConfig *config, pid_t *ret_pid, Error *reterr);
/* The agent's main, after that. Its exit status. */
int agent_main(int argc, char **argv);
