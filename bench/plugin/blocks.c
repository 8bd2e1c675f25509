// A QEMU plugin that counts how often each translated block runs, and how often one jumps to another. At exit it writes to
// the file out= a line for each block, "b ADDRESS INSTRUCTIONS TIMES", and one for each jump, "j FROM TO TIMES": FROM is
// the address of the jump, TO that of the block.
//
// Debian has no package with qemu-plugin.h; these are the parts of version 1 of the interface that are used here
// (QEMU's documentation, "QEMU TCG Plugins").
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t id;
struct block;
struct instruction;
struct info;

void qemu_plugin_register_vcpu_tb_trans_cb(id, void (*)(id, struct block *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned cpu, void *), int flags, void *);
void qemu_plugin_register_atexit_cb(id, void (*)(id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct block *);
uint64_t qemu_plugin_tb_vaddr(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct instruction *);
size_t qemu_plugin_insn_size(const struct instruction *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

struct jump {
	uint64_t to, times;
	struct jump *next;
};

static struct record {
	uint64_t address, instructions, times, last, end;
	struct jump *jumps;
	struct record *next;
} *records, *previous;
static const char *out;

static void *zeroed(size_t n) {
	void *p = calloc(1, n);
	if (!p)
		abort();
	return p;
}

static void runs(unsigned cpu, void *block) {
	(void)cpu;
	struct record *r = block, *from = previous;
	r->times++;
	previous = r;
	if (!from || from->end == r->address)
		return;
	struct jump *j = from->jumps;
	while (j && j->to != r->address)
		j = j->next;
	if (!j) {
		j = zeroed(sizeof *j);
		*j = (struct jump){r->address, 0, from->jumps};
		from->jumps = j;
	}
	j->times++;
}

static void translated(id id, struct block *b) {
	(void)id;
	struct record *r = zeroed(sizeof *r);
	size_t n = qemu_plugin_tb_n_insns(b);
	struct instruction *last = qemu_plugin_tb_get_insn(b, n - 1);
	r->address = qemu_plugin_tb_vaddr(b);
	r->instructions = n;
	r->last = qemu_plugin_insn_vaddr(last);
	r->end = r->last + qemu_plugin_insn_size(last);
	r->next = records;
	records = r;
	qemu_plugin_register_vcpu_tb_exec_cb(b, runs, 0 /* it needs no registers */, r);
}

static void finish(id id, void *unused) {
	(void)id, (void)unused;
	FILE *f = fopen(out, "w");
	if (!f)
		return;
	for (struct record *r = records; r; r = r->next) {
		if (r->times)
			fprintf(f, "b %llx %llu %llu\n", (long long)r->address, (long long)r->instructions, (long long)r->times);
		for (struct jump *j = r->jumps; j; j = j->next)
			fprintf(f, "j %llx %llx %llu\n", (long long)r->last, (long long)j->to, (long long)j->times);
	}
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
