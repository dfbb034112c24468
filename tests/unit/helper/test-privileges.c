#include "common/io.h"
#include "common/strings.h"
#include "common/api-root.h"
#include "helper/dispatch.h"
#include "tests/unit/helper/fixture.h"

/* Of the sources: the compiler is given this one's full path. */
static char *read_source(const char *name) {
        static const char here[] = __FILE__;
        _cleanup_free_ char *path = strdup(here);
        char *slash, *text = NULL;

        for (int level = 0; level < 4; level++) {
                slash = strrchr(path, '/');
                assert_non_null(slash);
                *slash = '\0';
        }
        slash = string_format("%s/%s", path, name);
        assert_non_null(slash);
        assert_int_equal(io_read_file(AT_FDCWD, slash, 1 << 20, &text, NULL), 0);
        free(slash);
        return text;
}

static char *read_document(void) {
        return read_source("doc/privileges.md");
}

/* From a heading to the next. */
static char *read_section(const char *heading) {
        _cleanup_free_ char *text = read_document();
        char *begin = strstr(text, heading), *end;

        assert_non_null(begin);
        end = strstr(begin + 1, "\n## ");
        if (end)
                *end = '\0';
        return strdup(begin);
}

/* Every word of text that begins with the prefix must be in the other text. */
static void words_are_in(const char *text, const char *prefix, const char *characters,
                         const char *other, const char *where) {
        size_t n = 0;

        for (const char *word = text; (word = strstr(word, prefix)); n++) {
                _cleanup_free_ char *copy = strndup(word, strspn(word, characters));

                assert_non_null(copy);
                word += strlen(copy);
                if (!strstr(other, copy))
                        fail_msg("%s does not tell of %s", where, copy);
        }
        assert_true(n > 0);
}

#define CAPABILITY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* The lines of a unit with that setting, without comments. */
static char *settings_of(const char *unit, const char *name) {
        _cleanup_free_ char *text = read_source(unit);
        char *found = NULL, *rest = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&found, &size);

        assert_non_null(out);
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (string_after_prefix(line, name))
                        (void) fprintf(out, "%s\n", line);
        assert_int_equal(fclose(out), 0);
        return found;
}

static void the_document_tells_of_the_helpers_capabilities_and_no_other(_unused_ void **state) {
        _cleanup_free_ char *set = settings_of("systemd/bangerd-root.service.in",
                                               "CapabilityBoundingSet=");
        _cleanup_free_ char *section = read_section("## Capabilities of bangerd-root.service");
        char *table_end = strstr(section, "It has no ");

        words_are_in(set, "CAP_", CAPABILITY_CHARACTERS, section, "doc/privileges.md");
        assert_non_null(table_end);
        *table_end = '\0';
        words_are_in(section, "CAP_", CAPABILITY_CHARACTERS, set, "the unit");
}

static void the_document_tells_of_every_path_that_the_helper_may_write(_unused_ void **state) {
        static const char path[] = "abcdefghijklmnopqrstuvwxyz0123456789_/";
        _cleanup_free_ char *paths = settings_of("systemd/bangerd-root.service.in",
                                                 "ReadWritePaths=");
        _cleanup_free_ char *section = read_section("## Relaxations of its sandbox");
        char *filter = strstr(section, "`RestrictSUIDSGID=`");

        assert_non_null(filter);
        *filter = '\0';
        words_are_in(paths, "/proc/sys/", path, section, "doc/privileges.md");
        words_are_in(paths, "/var/", path, section, "doc/privileges.md");
        words_are_in(section, "/proc/sys/", path, paths, "the unit");
        words_are_in(section, "/var/", path, paths, "the unit");
}

static void the_document_tells_of_the_capabilities_of_a_vms_unit(_unused_ void **state) {
        _cleanup_free_ char *source = read_source("helper/launch-unit.c");
        _cleanup_free_ char *section = read_section("## banger-vm-ID.service");
        char *set = strstr(source, "#define CAPABILITIES"), *end;

        assert_non_null(set);
        end = strstr(set, "\n/*");
        assert_non_null(end);
        *end = '\0';
        words_are_in(set, "CAP_", CAPABILITY_CHARACTERS, section, "doc/privileges.md");
        words_are_in(section, "CAP_", CAPABILITY_CHARACTERS, set, "the unit");
}

static void the_document_has_one_section_for_every_verb_and_no_other(_unused_ void **state) {
        _cleanup_free_ char *text = read_document();
        _cleanup_free_ size_t *sections = calloc(root_n_methods, sizeof(*sections));
        char *rest = NULL;

        assert_non_null(sections);
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                const char *name = string_after_prefix(line, "### ");
                size_t i = 0;

                if (!name)
                        continue;
                while (i < root_n_methods && !string_equal(root_methods[i].name, name))
                        i++;
                if (i == root_n_methods)
                        fail_msg("doc/privileges.md tells of %s, which is no verb", name);
                sections[i]++;
        }
        for (size_t i = 0; i < root_n_methods; i++)
                if (sections[i] != 1)
                        fail_msg("doc/privileges.md has %zu sections of %s", sections[i],
                                 root_methods[i].name);
}

static void every_verb_has_a_handler_and_someone_who_may_call_it(_unused_ void **state) {
        for (size_t i = 0; i < root_n_methods; i++) {
                assert_non_null(root_methods[i].handler);
                assert_true(root_methods[i].policy & (ROOT_POLICY_OWNER | ROOT_POLICY_ROOT));
        }
}

static void every_verb_is_in_the_interface(_unused_ void **state) {
        for (size_t i = 0; i < root_n_methods; i++)
                assert_non_null(action_find_method(root_interfaces, root_methods[i].name, NULL));
        assert_int_equal(interface_root.n_actions, root_n_methods);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_document_has_one_section_for_every_verb_and_no_other),
                TEST(the_document_tells_of_the_helpers_capabilities_and_no_other),
                TEST(the_document_tells_of_every_path_that_the_helper_may_write),
                TEST(the_document_tells_of_the_capabilities_of_a_vms_unit),
                TEST(every_verb_has_a_handler_and_someone_who_may_call_it),
                TEST(every_verb_is_in_the_interface),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
