// Writes to nowhere.
int main(void) {
	*(volatile int *)4 = 1;
	return 0;
}
