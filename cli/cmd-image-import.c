#include <errno.h>

#include "cli/daemon.h"
#include "cli/import.h"
#include "cli/live.h"
#include "cli/output.h"
#include "common/format.h"
#include "common/strings.h"
#include "common/varlink-stream.h"

#define PERCENT 100

typedef struct Import {
        const ImageImportCommand *wanted;
        Source source;
        Live live;
} Import;

static int on_progress(const void *out, void *userdata, Error *reterr) {
        const ImageProgress *progress = out;
        Import *import = userdata;
        _cleanup_free_ char *done = NULL, *total = NULL, *line = NULL;

        (void) reterr;
        if (!import->live.on)
                return 0;
        done = format_bytes(progress->done_bytes);
        total = format_bytes(progress->total_bytes);
        if (!done || !total)
                return 0;
        if (progress->total_bytes > 0)
                line = string_format("%s: %s of %s, %d %%", import->wanted->name, done, total,
                                     (int) ((double) progress->done_bytes * PERCENT /
                                            (double) progress->total_bytes));
        else
                line = string_format("%s: %s", import->wanted->name, done);
        if (line)
                live_write(&import->live, line);
        return 0;
}

static int on_wake(VarlinkStream *stream, void *userdata, Error *reterr) {
        Import *import = userdata;

        stream->wake_fd = -1;
        return source_child_ended(&import->source, import->wanted->source, reterr);
}

/* Leaving the connection before the pipe ends is what tells the daemon that it is not complete. */
static int import_image(const CommandContext *context, Import *import, ImageProgress *ret,
                        Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        const ImageImport in = {
                .name = import->wanted->name,
                .format = (int) import->source.format,
        };
        VarlinkStream stream = {
                .deadline_usec = UINT64_MAX,
                .on_reply = on_progress,
                .wake_fd = import->source.child_fd,
                .on_wake = on_wake,
                .userdata = import,
        };
        int r = daemon_connect(context->host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_stream(client, &interface_image, "Import", &in, ret,
                                     &import->source.fd, 1, &stream, reterr);
}

static int print_image(const CommandContext *context, const ImageInfo *image) {
        _cleanup_free_ char *size = NULL;

        if (context->json)
                return output_schema_json(context->out, &image_info_schema, image);
        size = format_bytes(image->size_bytes);
        return output_line(context->out, "image \"%s\": %s, %s", image->name, size ? size : "?",
                           image->has_init ? "with an init" : "without an init of its own");
}

static int import_run(const CommandContext *context, const Action *action, const void *value,
                      Error *reterr) {
        Import import = {
                .wanted = value,
                .source = SOURCE_INIT,
                .live = live_start(context),
        };
        ImageProgress last = {.operation = NULL};
        int r;

        (void) action;
        r = source_open(import.wanted->source, &import.source, reterr);
        if (r >= 0)
                r = import_image(context, &import, &last, reterr);
        live_wipe(&import.live);
        source_clear(&import.source);
        if (r < 0)
                return r;
        r = last.image ? print_image(context, last.image) : 0;
        schema_clear(&image_progress_schema, &last);
        return r;
}

const Command command_image_import = {
        .words = "image import",
        .run = import_run,
};
