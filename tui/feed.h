#pragma once
/* Keeps the model true: subscribes, asks for the lists, and asks again where an answer may be older
 * than an event. */
#include "tui/link.h"
#include "tui/model.h"

/* Lists that the daemon is asked for. */
typedef enum FeedAsk {
        FEED_OPERATIONS,
        FEED_VMS,
        FEED_IMAGES,
        FEED_STATUS,
        _FEED_ASK_MAX,
} FeedAsk;

typedef struct FeedHandler {
        void (*changed)(void *userdata); /* the model did */
        /* A call with a target failed. */
        void (*failed)(const Error *error, void *userdata);
        void *userdata;
} FeedHandler;

typedef struct Feed {
        Model *model;
        Link *link;
        FeedHandler handler;
        bool again[_FEED_ASK_MAX]; /* the answer under way may be old: ask once more */
        bool failed[_FEED_ASK_MAX];
        uint64_t retry_usec;       /* when to ask again for those; 0: for none */
} Feed;

/* All outlive the feed, which stays where it is. -ENOMEM. */
int feed_init(Feed *feed, const Host *host, Model *model, const FeedHandler *handler);
void feed_clear(Feed *feed);
void feed_ask(Feed *feed, FeedAsk ask);
/* As those of the link; lists that failed are asked for again. */
size_t feed_polls(const Feed *feed, struct pollfd *polls, size_t max, uint64_t *ret_deadline_usec);
void feed_process(Feed *feed, uint64_t now_usec);
