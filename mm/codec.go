package mm

import "unsafe"

// Put writes a value of fixed size without pointers to the start of dst, as it lies in memory. dst must have room for it.
func Put[T any](dst []byte, v *T) {
	n := int(unsafe.Sizeof(*v))
	copy(dst[:n], unsafe.Slice((*byte)(unsafe.Pointer(v)), n))
}

// Get reads a value of fixed size without pointers from the start of src.
func Get[T any](src []byte) (v T) {
	n := int(unsafe.Sizeof(v))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), n), src[:n])
	return v
}

// View returns the start of b as a value of fixed size without pointers, which is no copy: who fills it or reads it fills or
// reads b.
func View[T any](b []byte) *T {
	var v T
	return (*T)(unsafe.Pointer(unsafe.SliceData(b[:unsafe.Sizeof(v)])))
}
