/* The console as lines. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tui/console.h"
#include "tui/feed.h"
#include "tui/header.h"
#include "tui/panel.h"

#define PATIENCE_USEC (10 * USEC_PER_SEC)
#define POLLS_MAX (LINK_CALLS_MAX + 1)

static void on_changed(_unused_ void *userdata) {
}

static void on_failed(_unused_ const Error *error, _unused_ void *userdata) {
}

static void print_line(const char *before, const char *text) {
        _cleanup_free_ char *safe = text_escape(text, ESCAPE_TEXT);

        if (safe)
                printf("%s%s\n", before, safe);
}

/* "NAME web, STATE running, …": a screen reader says which is which. */
static void print_panel(const Panel *panel, const Model *model) {
        size_t n = panel->n_rows(model);
        Span span;

        printf("%s: %zu\n", panel->title, n);
        if (n == 0) {
                panel->empty(model, &span);
                print_line("  ", span.text);
        }
        for (size_t row = 0; row < n; row++) {
                char line[1024];
                size_t used = 0;

                for (size_t i = 0; i < panel->n_columns && used < sizeof(line); i++) {
                        panel->cell(model, row, i, &span);
                        used += (size_t) snprintf(line + used, sizeof(line) - used, "%s%s %s",
                                                  i > 0 ? ", " : "", panel->columns[i].title,
                                                  span.text);
                }
                print_line("  ", line);
        }
}

static bool complete(const Model *model) {
        return model->link == LINK_DOWN || model->differs.message ||
               (model->has_status && model->has_vms && model->has_images);
}

static void fetch(Feed *feed, const ConsoleEnv *env) {
        uint64_t until = clock_monotonic_usec() + PATIENCE_USEC;

        while (!complete(feed->model)) {
                struct pollfd polls[POLLS_MAX];
                uint64_t deadline, now = clock_monotonic_usec();
                size_t n;

                feed->model->now_usec = now;
                feed->model->now_s = env->now_s();
                feed->model->asked_usec = link_waits_since(feed->link);
                feed_process(feed, now);
                if (complete(feed->model) || now >= until)
                        return;
                n = feed_polls(feed, polls, POLLS_MAX, &deadline);
                (void) poll(polls, n, clock_poll_timeout(deadline < until ? deadline : until));
        }
}

int console_plain(const ConsoleEnv *env) {
        Model model;
        Feed feed;
        const FeedHandler handler = {on_changed, on_failed, NULL};
        Span message, hint;
        int status = 0;

        model_init(&model, env->version);
        if (feed_init(&feed, env->host, &model, &handler) < 0)
                return 1;
        fetch(&feed, env);
        if (header_trouble(&model, &message, &hint)) {
                print_line("", message.text);
                if (hint.text[0])
                        print_line("", hint.text);
                status = error_kind_exit_status(model.link == LINK_DOWN ? model.down.kind
                                                                        : ERROR_DEGRADED);
        }
        if (model.has_vms) {
                header_line(&model, &message);
                print_line("", message.text);
        }
        for (size_t i = 0; i < n_panels && model.has_vms; i++)
                if (panels[i] != &panel_host)
                        print_panel(panels[i], &model);
        feed_clear(&feed);
        model_clear(&model);
        return status;
}
