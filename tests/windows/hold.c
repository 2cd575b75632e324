/* Opens files for itself alone, as virus scanners and some viewers do on Windows: while it has one, nobody may read, rename or
 * delete it.
 *
 *   hold.exe FILE      holds it from when it is there until it is ended; says "held"
 *   hold.exe FOLDER\   holds each file below the folder that is being written (*.part) for a moment
 */
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { MOMENT_MILLISECONDS = 30 };

static HANDLE hold(const wchar_t *path)
{
    return CreateFileW(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
}

static void scan(const wchar_t *folder)
{
    wchar_t path[4096];
    WIN32_FIND_DATAW found;

    swprintf(path, 4096, L"%ls*", folder);
    HANDLE search = FindFirstFileW(path, &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        if (!wcscmp(found.cFileName, L".") || !wcscmp(found.cFileName, L".."))
            continue;
        if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) {
            swprintf(path, 4096, L"%ls%ls\\", folder, found.cFileName);
            scan(path);
            continue;
        }
        const wchar_t *extension = wcsrchr(found.cFileName, L'.');
        if (!extension || wcscmp(extension, L".part"))
            continue;
        swprintf(path, 4096, L"%ls%ls", folder, found.cFileName);
        HANDLE file = hold(path);
        if (file == INVALID_HANDLE_VALUE)
            continue;
        Sleep(MOMENT_MILLISECONDS);
        CloseHandle(file);
    } while (FindNextFileW(search, &found));
    FindClose(search);
}

int wmain(int argc, wchar_t **argv)
{
    if (argc != 2) {
        fprintf(stderr, "hold.exe FILE, or hold.exe FOLDER\\\n");
        return 2;
    }
    if (argv[1][wcslen(argv[1]) - 1] == L'\\') {
        fprintf(stderr, "scanning\n");
        for (;;) {
            scan(argv[1]);
            Sleep(1);
        }
    }
    while (hold(argv[1]) == INVALID_HANDLE_VALUE)
        Sleep(5);
    fprintf(stderr, "held\n");
    Sleep(INFINITE);
    return 0;
}
