/* The one function of Windows' bcryptprimitives.dll that Rust's programs call at their start, for Wine before 9, which has no such
 * library: random bytes, from the older function that does the same. */
#include <windows.h>

/* RtlGenRandom, under the name that advapi32.dll has for it. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG bytes);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T bytes)
{
    while (bytes > 0) {
        ULONG part = bytes < 0x10000000 ? (ULONG)bytes : 0x10000000;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        bytes -= part;
    }
    return TRUE;
}
