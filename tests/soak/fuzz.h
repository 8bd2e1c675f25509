// What the parts of the fuzzer share.
#ifndef FUZZ_H
#define FUZZ_H
#include <stdint.h>

// The kinds of argument. internal/tools/fuzzcalls says which a call takes.
enum kind {
	K_NUM, K_FLAGS, K_FD, K_DIRFD, K_PID, K_ID, K_MODE, K_SIGNAL, K_PATH, K_STR, K_STRLIST, K_MEM, K_ADDR, K_STRUCT, K_SIZE,
	K_OFFSET, K_HIGH, K_DEV, K_NSEC, K_SEC,
};

struct value { uint32_t v; };
struct field { uint16_t offset; uint8_t size, kind; };
struct arg {
	uint8_t kind;
	uint16_t values, fields;
	const struct value *value;
	const struct field *field;
};
struct call {
	uint32_t nr;
	const char *name;
	uint8_t absent, count;
	struct arg arg[6];
};

// Memory that the calls get addresses of, always at the same place, so that a run can be repeated.
enum {
	ARENA = 0x20000000,
	WRITABLE = ARENA,             // 16 pages
	READABLE = ARENA + 0x12000,   // 2 pages, after a hole
	SHARED = ARENA + 0x18000,     // 4 pages that all workers see
	BEYOND = ARENA + 0x20000,     // 4 pages of a file that has one and a half
	NONE = ARENA + 0x28000,       // 2 pages that may not be touched
	ARENA_END = ARENA + 0x30000,
};

// progress is what a worker shows its watcher.
struct progress {
	volatile uint32_t calls, nr, arg[6];
};

enum { WORKERS = 3 };

uint32_t rnd(void);                       // 32 random bits
uint32_t below(uint32_t n);               // 0 to n-1
void seed(uint32_t s);
int raw(uint32_t nr, const uint32_t a[6]); // a system call, by int 0x80 or the vDSO
void make_files(void);                    // in the current directory
void make_memory(void);
void make_descriptors(void);
void fill(const struct call *c, uint32_t a[6]);
const struct call *pick(void);
#endif
