#include "daemon/content-delete.h"

#include <errno.h>
#include <string.h>

#include "common/strings.h"

typedef struct DeleteJob {
        const Content *content;
        VmId id;
        const char *what;
        char *name;
        VarlinkCall *call; /* a reference; or NULL */
        Operation *operation;
        Error error;
} DeleteJob;

static DeleteJob *delete_job_free(DeleteJob *job) {
        if (!job)
                return NULL;
        free(job->name);
        varlink_call_unref(job->call);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void delete_job_cleanup(DeleteJob **job) {
        delete_job_free(*job);
}

static int delete_run(void *userdata) {
        DeleteJob *job = userdata;

        return content_remove_part(job->content, &job->id, &job->error);
}

static void describe_left(const char *what, const char *name, int r, Error *error) {
        (void) error_prepend(error, r, "%s \"%s\" is deleted, but not its files", what, name);
        (void) error_set_object(error, r, name);
        (void) error_set_hint(error, r,
                              "a start of bangerd removes them; run: sudo banger system restart");
}

static void delete_done(int r, void *userdata) {
        _cleanup_(delete_job_cleanup) DeleteJob *job = userdata;

        describe_left(job->what, job->name, r, &job->error);
        operation_end(steal_ptr(job->operation), r, &job->error);
        if (!job->call)
                return;
        if (r < 0)
                (void) varlink_call_fail(job->call, r, &job->error);
        else
                (void) varlink_call_reply(job->call, NULL);
}

static int submit(const DaemonContext *context, const ContentDelete *wanted) {
        _cleanup_(delete_job_cleanup) DeleteJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->content = wanted->content;
        job->id = wanted->id;
        job->what = wanted->what;
        job->call = wanted->call ? varlink_call_ref(wanted->call) : NULL;
        job->name = strdup(wanted->name);
        if (!job->name)
                return -ENOMEM;
        r = operation_new(context->operations, wanted->kind, wanted->id.text, wanted->name,
                          &job->operation, NULL);
        if (r < 0)
                return r;
        r = pool_submit(context->short_pool, &(PoolJob) {delete_run, delete_done, job});
        if (r < 0) {
                operation_end(steal_ptr(job->operation), r, NULL);
                return r;
        }
        (void) steal_ptr(job);
        return 0;
}

void content_delete(const DaemonContext *context, const ContentDelete *wanted) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = submit(context, wanted);

        if (r >= 0 || !wanted->call)
                return;
        describe_left(wanted->what, wanted->name, r, &error);
        (void) varlink_call_fail(wanted->call, r, &error);
}
