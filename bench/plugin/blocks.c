// A QEMU plugin that counts how often each translated block runs. At exit it writes a line for each to the file out=:
// address, instructions, times.
//
// Debian has no package with qemu-plugin.h; these are the parts of version 1 of the interface that are used here
// (QEMU's documentation, "QEMU TCG Plugins").
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t id;
struct block;
struct info;

void qemu_plugin_register_vcpu_tb_trans_cb(id, void (*)(id, struct block *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int op, void *count, uint64_t add);
void qemu_plugin_register_atexit_cb(id, void (*)(id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct block *);
uint64_t qemu_plugin_tb_vaddr(const struct block *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

static struct record {
	uint64_t address, instructions, times;
	struct record *next;
} *records;
static const char *out;

static void translated(id id, struct block *b) {
	(void)id;
	struct record *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	*r = (struct record){qemu_plugin_tb_vaddr(b), qemu_plugin_tb_n_insns(b), 0, records};
	records = r;
	qemu_plugin_register_vcpu_tb_exec_inline(b, 0 /* add */, &r->times, 1);
}

static void finish(id id, void *unused) {
	(void)id, (void)unused;
	FILE *f = fopen(out, "w");
	if (!f)
		return;
	for (struct record *r = records; r; r = r->next)
		if (r->times)
			fprintf(f, "%llx %llu %llu\n", (long long)r->address, (long long)r->instructions, (long long)r->times);
	fclose(f);
}

EXPORT int qemu_plugin_install(id id, const struct info *info, int argc, char **argv) {
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return 1;
	out = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, 0);
	return 0;
}
