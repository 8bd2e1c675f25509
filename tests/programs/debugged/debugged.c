// Something for a debugger: calls in calls, a word that changes, a thread, a signal, a child, a fault.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct point {
	int x, y;
	double weight;
	const char *name;
};

volatile int watched;
volatile int go_on;
struct point origin = {3, 4, 2.5, "origin"};

int factorial(int n) {
	if (n <= 1)
		return 1;
	return n * factorial(n - 1);
}

double scaled(struct point *p, double by) {
	p->weight *= by;
	return p->weight;
}

void change(int n) {
	for (int i = 0; i < n; i++)
		watched += i;
}

void *thread_main(void *arg) {
	int mine = *(int *)arg;
	watched = mine;
	return NULL;
}

void on_signal(int sig) { watched = sig; }

int fault(int *p) { return *p; }

int main(int argc, char **argv) {
	pthread_t t;
	int number = 77;
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("factorial %d\n", factorial(5));
	change(4);
	scaled(&origin, 2);
	pthread_create(&t, NULL, thread_main, &number);
	pthread_join(t, NULL);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	printf("watched %d\n", watched);
	pid_t pid = fork();
	if (pid == 0)
		_exit(5);
	waitpid(pid, NULL, 0);
	if (argc > 1 && !strcmp(argv[1], "wait"))
		while (!go_on)
			pause();
	if (argc > 1 && !strcmp(argv[1], "fault"))
		return fault(NULL);
	return 3;
}
