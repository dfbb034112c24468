#include "helper/nftables.h"

#include <errno.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/socket.h>

#include "common/strings.h"

struct Nftables {
        struct nft_ctx *context;
};

/* libnftables ends the process where there is no such socket. */
static int check_kernel(Error *reterr) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        int r;

        if (fd >= 0)
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, errno, "this kernel has no nftables: %s",
                      strerrordesc_np(errno));
        return error_set_hint(reterr, r, "load the kernel's module \"nf_tables\"");
}

int nftables_open(Nftables **ret, Error *reterr) {
        _cleanup_(nftables_cleanup) Nftables *nftables = NULL;
        int r = check_kernel(reterr);

        if (r < 0)
                return r;
        nftables = calloc(1, sizeof(*nftables));
        if (nftables)
                nftables->context = nft_ctx_new(NFT_CTX_DEFAULT);
        if (!nftables || !nftables->context || nft_ctx_buffer_output(nftables->context) != 0 ||
            nft_ctx_buffer_error(nftables->context) != 0)
                return error_set_errno(reterr, ENOMEM, "cannot begin with nftables");
        nft_ctx_output_set_flags(nftables->context,
                                 NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_NUMERIC_ALL);
        *ret = steal_ptr(nftables);
        return 0;
}

Nftables *nftables_close(Nftables *nftables) {
        if (nftables && nftables->context) {
                nft_ctx_free(nftables->context);
                /* The rules of 200 guests take some MiB while they are read and written, in pieces
                 * that malloc would keep for as long as the connection lasts. */
                (void) malloc_trim(0);
        }
        free(nftables);
        return NULL;
}

/* What it says goes on with the line that it means; the first line says what is wrong. Borrowed:
 * reading the buffer empties it. */
static int run(Nftables *nftables, const char *commands, const char **ret_output, Error *reterr) {
        int status = nft_run_cmd_from_buffer(nftables->context, commands);
        const char *output = nft_ctx_get_output_buffer(nftables->context);
        const char *said = nft_ctx_get_error_buffer(nftables->context);

        if (status != 0)
                return error_set(reterr, ERROR_FAILED, EIO, "nftables: %.*s",
                                 said ? (int) strcspn(said, "\n") : 0, said ? said : "");
        if (ret_output)
                *ret_output = output ? output : "";
        return 0;
}

int nftables_run(Nftables *nftables, const char *commands, Error *reterr) {
        return run(nftables, commands, NULL, reterr);
}

int nftables_list(Nftables *nftables, const char *what, char **ret, Error *reterr) {
        _cleanup_free_ char *command = string_format("list %s", what);
        const char *output = "";
        char *copy;
        int r;

        if (!command)
                return error_set_errno(reterr, ENOMEM, "cannot list %s", what);
        r = run(nftables, command, &output, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot list %s", what);
        copy = strdup(output);
        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot list %s", what);
        *ret = copy;
        return 0;
}
