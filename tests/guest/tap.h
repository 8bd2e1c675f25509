// A program of cases in the Test Anything Protocol: it calls plan(N), then ok() N times, and returns tap_end().
#ifndef TAP_H
#define TAP_H
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_planned, tap_run, tap_failed;

static inline void plan(int n) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_planned = n;
	printf("1..%d\n", n);
}

static inline int vok(int good, const char *fmt, va_list ap) {
	int saved = errno;
	printf("%sok %d - ", good ? "" : "not ", ++tap_run);
	vprintf(fmt, ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("# errno %d (%s)\n", saved, strerror(saved));
	}
	return good;
}

// ok reports one case; the text is its name.
__attribute__((format(printf, 2, 3))) static inline int ok(int good, const char *fmt, ...) {
	va_list ap;
	va_start(ap, fmt);
	vok(good, fmt, ap);
	va_end(ap);
	return good;
}

// fails reports whether a call returned -1 with the error want.
static inline int fails(long ret, int want, const char *name) {
	int got = errno;
	int good = ret == -1 && got == want;
	ok(good, "%s", name);
	if (!good)
		printf("# returned %ld, errno %d (%s), want %s\n", ret, got, strerror(got), strerror(want));
	return good;
}

static inline int tap_end(void) {
	if (tap_run != tap_planned)
		printf("# planned %d cases, ran %d\n", tap_planned, tap_run);
	return tap_failed || tap_run != tap_planned;
}

// die ends the program where going on makes no sense; the missing cases make the run fail.
static inline void die(const char *what) {
	printf("# %s: %s\n", what, strerror(errno));
	exit(1);
}
#endif
