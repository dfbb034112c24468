#include "tui/feed.h"

#include <errno.h>

#include "common/clock.h"
#include "common/strings.h"

#define RETRY_USEC USEC_PER_SEC

static const struct {
        const Interface *interface;
        const char *method;
} asks[] = {
        [FEED_OPERATIONS] = {&interface_operation, "List"},
        [FEED_VMS] = {&interface_vm, "List"},
        [FEED_IMAGES] = {&interface_image, "List"},
        [FEED_STATUS] = {&interface_system, "GetStatus"},
};

static const Action *ask_action(FeedAsk ask) {
        const Interface *interface = asks[ask].interface;

        for (size_t i = 0; i < interface->n_actions; i++)
                if (string_equal(interface->actions[i].method, asks[ask].method))
                        return &interface->actions[i];
        return NULL;
}

void feed_ask(Feed *feed, FeedAsk ask) {
        if (link_asks(feed->link, ask_action(ask)))
                feed->again[ask] = true;
        else
                link_ask(feed->link, asks[ask].interface, asks[ask].method);
}

/* An answer that is under way may be older than the event. */
static void distrust(Feed *feed, FeedAsk ask) {
        if (link_asks(feed->link, ask_action(ask)))
                feed->again[ask] = true;
}

static void ask_again(Feed *feed, const Action *action) {
        for (int ask = 0; ask < _FEED_ASK_MAX; ask++)
                if (feed->again[ask] && ask_action((FeedAsk) ask) == action) {
                        feed->again[ask] = false;
                        feed_ask(feed, (FeedAsk) ask);
                }
}

/* What is under way was asked for before this. */
static void ask_lists(Feed *feed) {
        feed_ask(feed, FEED_VMS);
        feed_ask(feed, FEED_IMAGES);
        feed_ask(feed, FEED_STATUS);
}

static void on_up(void *userdata) {
        Feed *feed = userdata;

        model_link_up(feed->model);
        ask_lists(feed);
        feed->handler.changed(feed->handler.userdata);
}

static void forget_failures(Feed *feed) {
        for (int ask = 0; ask < _FEED_ASK_MAX; ask++)
                feed->failed[ask] = false;
        feed->retry_usec = 0;
}

static void on_down(Error *error, void *userdata) {
        Feed *feed = userdata;

        /* All is asked for when there is a daemon again. */
        forget_failures(feed);
        model_link_down(feed->model, error);
        feed->handler.changed(feed->handler.userdata);
}

static void on_event(Event *event, void *userdata) {
        Feed *feed = userdata;
        ModelAsk ask;

        if (event->kind == EVENT_VM_CHANGED || event->kind == EVENT_VM_DELETED)
                distrust(feed, FEED_VMS);
        if (event->operation)
                distrust(feed, FEED_OPERATIONS);
        ask = model_apply_event(feed->model, event);
        if (ask & MODEL_ASK_ALL) {
                feed_ask(feed, FEED_OPERATIONS);
                ask_lists(feed);
        }
        if (ask & MODEL_ASK_IMAGES)
                feed_ask(feed, FEED_IMAGES);
        if (ask & MODEL_ASK_STATUS)
                feed_ask(feed, FEED_STATUS);
        feed->handler.changed(feed->handler.userdata);
}

/* The list has come. */
static void clear_failure(Feed *feed, const Action *action) {
        bool any = false;

        for (int ask = 0; ask < _FEED_ASK_MAX; ask++) {
                if (ask_action((FeedAsk) ask) == action)
                        feed->failed[ask] = false;
                any = any || feed->failed[ask];
        }
        if (!any)
                error_clear(&feed->model->unlisted);
}

static void set_failure(Feed *feed, const Action *action, const Error *error) {
        int r = error_set(&feed->model->unlisted, error->kind, EIO, "%s",
                          error->message ? error->message : "it does not say why");

        if (error->hint)
                (void) error_set_hint(&feed->model->unlisted, r, "%s", error->hint);
        for (int ask = 0; ask < _FEED_ASK_MAX; ask++)
                if (ask_action((FeedAsk) ask) == action)
                        feed->failed[ask] = true;
        feed->retry_usec = feed->model->now_usec + RETRY_USEC;
}

static void on_reply(const Action *action, void *out, _unused_ bool progress, void *userdata) {
        Feed *feed = userdata;

        if (action == ask_action(FEED_OPERATIONS))
                model_set_operations(feed->model, out);
        else if (action == ask_action(FEED_VMS))
                model_set_vms(feed->model, out);
        else if (action == ask_action(FEED_IMAGES))
                model_set_images(feed->model, out);
        else if (action == ask_action(FEED_STATUS))
                model_set_status(feed->model, out);
        else if (action->out == &vm_progress_schema)
                model_apply_progress(feed->model, out);
        clear_failure(feed, action);
        ask_again(feed, action);
        feed->handler.changed(feed->handler.userdata);
}

static void on_failed(const Action *action, const char *target, const Error *error,
                      void *userdata) {
        Feed *feed = userdata;

        ask_again(feed, action);
        if (target)
                feed->handler.failed(error, feed->handler.userdata);
        else if (error->kind == ERROR_PROTOCOL)
                error_set(&feed->model->differs, ERROR_PROTOCOL, EPROTO, "%s",
                          error->message ? error->message : "it cannot be understood");
        else
                set_failure(feed, action, error);
        feed->handler.changed(feed->handler.userdata);
}

size_t feed_polls(const Feed *feed, struct pollfd *polls, size_t max,
                  uint64_t *ret_deadline_usec) {
        size_t n = link_polls(feed->link, polls, max, ret_deadline_usec);

        if (feed->retry_usec > 0 && feed->retry_usec < *ret_deadline_usec)
                *ret_deadline_usec = feed->retry_usec;
        return n;
}

void feed_process(Feed *feed, uint64_t now_usec) {
        link_process(feed->link, now_usec);
        if (feed->retry_usec == 0 || now_usec < feed->retry_usec)
                return;
        if (feed->model->link != LINK_UP) {
                feed->retry_usec = now_usec + RETRY_USEC;
                return;
        }
        feed->retry_usec = 0;
        for (int ask = 0; ask < _FEED_ASK_MAX; ask++)
                if (feed->failed[ask] && !link_asks(feed->link, ask_action((FeedAsk) ask)))
                        feed_ask(feed, (FeedAsk) ask);
}

int feed_init(Feed *feed, const Host *host, Model *model, const FeedHandler *handler) {
        const LinkHandler link_handler = {
                .up = on_up,
                .down = on_down,
                .event = on_event,
                .reply = on_reply,
                .failed = on_failed,
                .userdata = feed,
        };

        *feed = (Feed) {.model = model, .handler = *handler};
        return link_new(host, &link_handler, &feed->link);
}

void feed_clear(Feed *feed) {
        feed->link = link_free(feed->link);
}
