#include "common/json.h"
#include "common/strings.h"
#include "tests/unit/daemon/import-host.h"

static int delete_image(ImportHost *host, const char *name) {
        char copy[64];
        const ImageRef ref = {.image = copy};

        (void) snprintf(copy, sizeof(copy), "%s", name);
        return host_call(host, &interface_image, "Delete", &ref, NULL, -1);
}

static ImageList list_images(ImportHost *host) {
        ImageList list;

        assert_int_equal(host_call(host, &interface_image, "List", NULL, &list, -1), 0);
        return list;
}

static size_t count_listed(ImportHost *host) {
        ImageList list = list_images(host);
        size_t n = list.images.n_items;

        schema_clear(&image_list_schema, &list);
        return n;
}

static void an_import_makes_an_image(void **state) {
        ImportHost *host = *state;
        char id[11], path[64], content[8] = "";
        const ImageInfo *image;
        ImageList list;
        struct stat st;
        int fd;

        assert_int_equal(host_import_image(host, "debian", id), 0);
        (void) snprintf(path, sizeof(path), "images/%s.ext4", id);
        fd = openat(host->dir_fd, path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, content, sizeof(content)), 3);
        assert_string_equal(content, "abc");
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0400);
        close_fd(fd);
        assert_int_equal(host_count(host, "images"), 1);

        list = list_images(host);
        assert_int_equal(list.images.n_items, 1);
        image = list.images.items;
        assert_string_equal(image->name, "debian");
        assert_string_equal(image->id, id);
        assert_int_equal(image->size_bytes, 4096);
        assert_true(image->has_init);
        assert_int_equal(image->used_by.n_items, 0);
        schema_clear(&image_list_schema, &list);
}

static void images_are_there_after_a_restart(void **state) {
        ImportHost *host = *state;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        process_stop(host->daemon);
        host_start_daemon(host);
        assert_int_equal(count_listed(host), 1);
}

static void images_are_listed_by_name(void **state) {
        ImportHost *host = *state;
        const ImageInfo *images;
        ImageList list;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        assert_int_equal(host_import_image(host, "alpine", id), 0);
        list = list_images(host);
        images = list.images.items;
        assert_string_equal(images[0].name, "alpine");
        assert_string_equal(images[1].name, "debian");
        schema_clear(&image_list_schema, &list);
}

typedef struct Seen {
        size_t n;
        int64_t total_bytes;
        char operation[16];
} Seen;

static int on_reply(const void *out, void *userdata, Error *reterr) {
        const ImageProgress *progress = out;
        Seen *seen = userdata;

        (void) reterr;
        seen->n++;
        if (progress->total_bytes > 0)
                seen->total_bytes = progress->total_bytes;
        (void) snprintf(seen->operation, sizeof(seen->operation), "%s", progress->operation);
        return 0;
}

static void the_first_reply_of_a_stream_names_the_operation(void **state) {
        ImportHost *host = *state;
        char name[] = "debian";
        const ImageImport in = {.name = name, .format = IMAGE_EXT4};
        VarlinkClient *client = host_connect(host);
        Seen seen = {.n = 0};
        VarlinkStream stream = {
                .deadline_usec = clock_monotonic_usec() + PATIENCE_USEC,
                .on_reply = on_reply,
                .wake_fd = -1,
                .userdata = &seen,
        };
        ImageProgress last = {};
        int fd = host_source(host);

        assert_int_equal(varlink_client_stream(client, &interface_image, "Import", &in, &last, &fd,
                                               1, &stream, NULL),
                         0);
        assert_true(seen.n >= 1);
        assert_string_equal(seen.operation, last.operation);
        assert_int_equal(last.done_bytes, last.total_bytes);
        schema_clear(&image_progress_schema, &last);
        close_fd(fd);
        varlink_client_free(client);
}

static void a_name_that_is_taken_is_refused(void **state) {
        ImportHost *host = *state;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        assert_int_equal(host_import_image(host, "debian", id), -EEXIST);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
        assert_non_null(strstr(host->error.message, "image \"debian\" exists already"));
        assert_int_equal(host_count(host, "images"), 1);
}

static void a_failed_import_leaves_nothing(void **state) {
        ImportHost *host = *state;
        char id[11];

        host_set_worker(host, WORKER_FAILS);
        assert_true(host_import_image(host, "debian", id) < 0);
        assert_non_null(strstr(host->error.message,
                               "cannot import image \"debian\": the tar ends in the middle"));
        assert_non_null(host->error.operation);
        assert_int_equal(host_count(host, "images"), 0);
        assert_int_equal(count_listed(host), 0);
}

static void a_full_disk_is_said_and_leaves_nothing(void **state) {
        ImportHost *host = *state;
        char id[11];

        host_set_worker(host, WORKER_FULL);
        assert_int_equal(host_import_image(host, "debian", id), -ENOSPC);
        assert_int_equal(host->error.kind, ERROR_NO_SPACE);
        assert_int_equal(host_count(host, "images"), 0);
}

static void without_a_worker_it_is_said(void **state) {
        ImportHost *host = *state;
        char id[11];

        process_stop(host->worker);
        host->worker = 0;
        assert_true(host_import_image(host, "debian", id) < 0);
        assert_int_equal(host->error.kind, ERROR_UNAVAILABLE);
        assert_non_null(strstr(host->error.hint, "banger-worker.socket"));
        assert_int_equal(host_count(host, "images"), 0);
}

static int import_fd(ImportHost *host, int fd) {
        char name[] = "debian";
        const ImageImport in = {.name = name, .format = IMAGE_TAR};

        return host_call(host, &interface_image, "Import", &in, NULL, fd);
}

static void an_import_needs_a_descriptor(void **state) {
        ImportHost *host = *state;

        assert_int_equal(import_fd(host, -1), -EINVAL);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
}

static void a_directory_is_no_source(void **state) {
        ImportHost *host = *state;

        assert_int_equal(import_fd(host, host->dir_fd), -EINVAL);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
        assert_non_null(strstr(host->error.message, "neither a regular file nor a pipe"));
        assert_int_equal(host_count(host, "images"), 0);
}

static void a_source_that_cannot_be_read_is_refused(void **state) {
        ImportHost *host = *state;
        int fd = openat(host->dir_fd, "writable", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_true(import_fd(host, fd) < 0);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
        close_fd(fd);
}

/* Starts an import of a pipe that stays open; the reading end's copy here is closed. */
static VarlinkClient *start_from_pipe(ImportHost *host, int *ret_write_fd, char ret_operation[16]) {
        VarlinkClient *client = host_connect(host);
        int fds[2];
        VarlinkReply reply;
        struct json_object *parameters = NULL;
        char name[] = "debian";
        const ImageImport in = {.name = name, .format = IMAGE_TAR};
        ImageProgress progress;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(schema_encode(&image_import_schema, &in, &parameters), 0);
        assert_int_equal(varlink_client_send(client, "io.banger.Image.Import", parameters,
                                             VARLINK_CALL_MORE, fds, 1, UINT64_MAX, NULL),
                         0);
        json_object_put(parameters);
        close_fd(fds[0]);
        assert_int_equal(varlink_client_receive(client, clock_monotonic_usec() + PATIENCE_USEC,
                                                &reply, NULL),
                         0);
        assert_true(reply.continues);
        assert_int_equal(schema_decode(&image_progress_schema, reply.parameters, &progress, NULL),
                         0);
        (void) snprintf(ret_operation, 16, "%s", progress.operation);
        schema_clear(&image_progress_schema, &progress);
        varlink_reply_clear(&reply);
        *ret_write_fd = fds[1];
        return client;
}

static void a_pipe_is_a_source(void **state) {
        ImportHost *host = *state;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], "abc", 3), 3);
        close_fd(fds[1]);
        assert_int_equal(import_fd(host, fds[0]), 0);
        close_fd(fds[0]);
        assert_int_equal(count_listed(host), 1);
}

static void a_pipe_whose_client_leaves_makes_no_image(void **state) {
        ImportHost *host = *state;
        char operation[16];
        int write_fd;
        VarlinkClient *client = start_from_pipe(host, &write_fd, operation);

        assert_int_equal(host_count(host, "images"), 1);
        varlink_client_free(client);
        host_wait_for_none(host, "images");
        close_fd(write_fd);
        assert_int_equal(count_listed(host), 0);
}

static void cancelling_leaves_nothing(void **state) {
        ImportHost *host = *state;
        char operation[16];
        const OperationRef ref = {.operation = operation};
        int write_fd, r;
        VarlinkClient *client = start_from_pipe(host, &write_fd, operation);
        bool continues = true;

        assert_int_equal(host_call(host, &interface_operation, "Cancel", &ref, NULL, -1), 0);
        do {
                VarlinkReply reply;

                r = varlink_client_receive(client, clock_monotonic_usec() + PATIENCE_USEC, &reply,
                                           &host->error);
                if (r >= 0) {
                        continues = reply.continues;
                        varlink_reply_clear(&reply);
                }
        } while (r >= 0 && continues);
        assert_true(r < 0);
        assert_int_equal(host->error.kind, ERROR_CANCELED);
        assert_int_equal(host_count(host, "images"), 0);
        close_fd(write_fd);
        varlink_client_free(client);
}

static void deleting_removes_the_file(void **state) {
        ImportHost *host = *state;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        assert_int_equal(delete_image(host, "debian"), 0);
        assert_int_equal(host_count(host, "images"), 0);
        assert_int_equal(count_listed(host), 0);
}

static void a_file_that_cannot_be_removed_is_said_and_goes_at_the_next_start(void **state) {
        ImportHost *host = *state;
        char id[11], name[64], below[80];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        /* A directory with one in it, where a file should be. */
        (void) snprintf(name, sizeof(name), "images/%s.ext4", id);
        assert_int_equal(unlinkat(host->dir_fd, name, 0), 0);
        assert_int_equal(mkdirat(host->dir_fd, name, 0700), 0);
        (void) snprintf(below, sizeof(below), "%s/more", name);
        assert_int_equal(mkdirat(host->dir_fd, below, 0700), 0);
        assert_true(delete_image(host, "debian") < 0);
        assert_non_null(strstr(host->error.message,
                               "image \"debian\" is deleted, but not its files"));
        assert_non_null(host->error.operation);
        assert_int_equal(count_listed(host), 0);
        (void) snprintf(below, sizeof(below), "images/.import-%s/more", id);
        assert_int_equal(unlinkat(host->dir_fd, below, AT_REMOVEDIR), 0);
        process_stop(host->daemon);
        host_start_daemon(host);
        assert_int_equal(count_listed(host), 0);
        assert_int_equal(host_count(host, "images"), 0);
}

static void an_image_can_be_named_by_its_id(void **state) {
        ImportHost *host = *state;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        assert_int_equal(delete_image(host, id), 0);
}

static void deleting_what_is_not_there_says_where_to_look(void **state) {
        ImportHost *host = *state;

        assert_int_equal(delete_image(host, "nothing"), -ENOENT);
        assert_int_equal(host->error.kind, ERROR_NOT_FOUND);
        assert_string_equal(host->error.message, "image \"nothing\" not found");
        assert_string_equal(host->error.hint, "run: banger image list");
}

static void an_image_in_use_is_kept_and_its_vms_named(void **state) {
        ImportHost *host = *state;
        KernelInfo kernel = {};
        const ImageInfo *image;
        ImageList list;
        char id[11];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        assert_int_equal(host_import_kernel(host, NULL, NULL, &kernel), 0);
        process_stop(host->daemon);
        host_add_vm(host, id, kernel.id);
        host_start_daemon(host);
        assert_int_equal(delete_image(host, "debian"), -EBUSY);
        assert_int_equal(host->error.kind, ERROR_BUSY);
        assert_string_equal(host->error.message,
                            "cannot delete image \"debian\": used by vm web");
        assert_int_equal(host_count(host, "images"), 1);
        list = list_images(host);
        image = list.images.items;
        assert_int_equal(image->used_by.n_items, 1);
        assert_string_equal(((const NameRef *) image->used_by.items)->name, "web");
        schema_clear(&image_list_schema, &list);
        schema_clear(&kernel_info_schema, &kernel);
}

static void what_a_crash_left_of_an_import_is_removed_at_start(void **state) {
        ImportHost *host = *state;

        process_stop(host->daemon);
        assert_int_equal(io_write_file_atomic(host->dir_fd, "images/.import-0123456789", "x", 1,
                                              0600),
                         0);
        host_start_daemon(host);
        assert_int_equal(count_listed(host), 0);
        assert_int_equal(host_count(host, "images"), 0);
}

static void an_image_that_was_stored_when_it_crashed_is_kept(void **state) {
        ImportHost *host = *state;
        char id[11], name[64], part[64];

        assert_int_equal(host_import_image(host, "debian", id), 0);
        process_stop(host->daemon);
        (void) snprintf(name, sizeof(name), "images/%s.ext4", id);
        (void) snprintf(part, sizeof(part), "images/.import-%s", id);
        assert_int_equal(renameat(host->dir_fd, name, host->dir_fd, part), 0);
        host_start_daemon(host);
        assert_int_equal(count_listed(host), 1);
        assert_int_equal(faccessat(host->dir_fd, name, F_OK, 0), 0);
}

static void a_name_is_checked(void **state) {
        static const char *const bad[] = {"", "-a", "A", "a/b", ".hidden", "0123456789", "a b"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(image_name_check(bad[i], NULL), -EINVAL);
        assert_int_equal(image_name_check("debian-12.5_slim", NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_import_makes_an_image, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(images_are_there_after_a_restart, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(images_are_listed_by_name, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(the_first_reply_of_a_stream_names_the_operation,
                                                host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(a_name_that_is_taken_is_refused, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_failed_import_leaves_nothing, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_full_disk_is_said_and_leaves_nothing, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(without_a_worker_it_is_said, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(an_import_needs_a_descriptor, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_directory_is_no_source, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_source_that_cannot_be_read_is_refused, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_pipe_is_a_source, host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(a_pipe_whose_client_leaves_makes_no_image,
                                                host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(cancelling_leaves_nothing, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(deleting_removes_the_file, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(
                        a_file_that_cannot_be_removed_is_said_and_goes_at_the_next_start,
                        host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(an_image_can_be_named_by_its_id, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(deleting_what_is_not_there_says_where_to_look,
                                                host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(an_image_in_use_is_kept_and_its_vms_named,
                                                host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(
                        what_a_crash_left_of_an_import_is_removed_at_start, host_setup,
                        host_teardown),
                cmocka_unit_test_setup_teardown(an_image_that_was_stored_when_it_crashed_is_kept,
                                                host_setup, host_teardown),
                cmocka_unit_test(a_name_is_checked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
