/*
 * What bindgen reads. The basic types are given here, and the headers that would define them are switched off: by
 * their include guards, and sys/time.h by an empty one that `regenerate` puts first. So the result depends on nothing
 * but V4L2's own headers, neither on the C library nor on the machine that generates. `long` has 64 or 32 bits as the
 * target says, as it has in the kernel.
 */
#define _LINUX_TYPES_H
#define _LINUX_IOCTL_H
/* Codec parameters: only pointers to them occur, in the union that holds a control's value. */
#define __LINUX_V4L2_CONTROLS_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u32 __le32;
typedef __u32 __be32;

typedef long time_t;
struct timeval {
	time_t tv_sec;
	long tv_usec;
};
struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

#include <linux/videodev2.h>
