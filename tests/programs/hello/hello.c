// Prints its arguments and exits with 7.
#include <stdio.h>

int main(int argc, char **argv) {
	printf("hello ");
	for (int i = 1; i < argc; i++)
		printf("%s%s", i > 1 ? "," : "", argv[i]);
	printf("\n");
	return 7;
}
