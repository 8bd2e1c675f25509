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
