/* A program for tests that runs until it is ended:
 *
 *   RunningProgram.exe READY [--hold FILE] [--window | --stubborn-window] [--then-end CODE]
 *
 * Writes its process id to the file READY once everything asked for is so.
 *
 * --hold FILE         keeps the file open, others may read it
 * --window            has a window, and ends with 0 when that is closed
 * --stubborn-window   has a window that does not close
 * --child READY2      starts itself again with READY2 as its file
 * --then-end CODE     ends with CODE at once, after all that
 */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

static BOOL stubborn;

static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM w, LPARAM l)
{
    if (message == WM_CLOSE && stubborn)
        return 0;
    if (message == WM_DESTROY)
        PostQuitMessage(0);
    return DefWindowProcW(window, message, w, l);
}

static BOOL open_window(void)
{
    WNDCLASSW kind = {0};

    kind.lpfnWndProc = on_message;
    kind.hInstance = GetModuleHandleW(NULL);
    kind.lpszClassName = L"RunningProgram";
    RegisterClassW(&kind);
    return CreateWindowW(kind.lpszClassName, L"Running program", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 0, 0, 200, 100, NULL,
                         NULL, kind.hInstance, NULL) != NULL;
}

static BOOL start_child(const wchar_t *ready)
{
    static wchar_t own[32768], line[32768];
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION process;

    GetModuleFileNameW(NULL, own, 32768);
    _snwprintf(line, 32768, L"\"%ls\" \"%ls\"", own, ready);
    return CreateProcessW(own, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process);
}

int wmain(int count, wchar_t **arguments)
{
    FILE *file;
    BOOL windowed = FALSE;
    MSG message;
    int i, code = -1;

    if (count < 2)
        return 2;
    for (i = 2; i < count; i++) {
        const wchar_t *value = i + 1 < count ? arguments[i + 1] : L"";

        if (!wcscmp(arguments[i], L"--window") || !wcscmp(arguments[i], L"--stubborn-window")) {
            stubborn = wcscmp(arguments[i], L"--window") != 0;
            windowed = TRUE;
            if (!open_window())
                return 3;
        } else if (!wcscmp(arguments[i], L"--hold")) {
            if (CreateFileW(value, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE)
                return 4;
            i++;
        } else if (!wcscmp(arguments[i], L"--child")) {
            if (!start_child(value))
                return 5;
            i++;
        } else if (!wcscmp(arguments[i], L"--then-end")) {
            code = _wtoi(value);
            i++;
        } else
            return 2;
    }
    file = _wfopen(arguments[1], L"wb");
    if (file == NULL)
        return 6;
    fprintf(file, "%lu\n", GetCurrentProcessId());
    fclose(file);
    if (code >= 0)
        return code;
    while (windowed && GetMessageW(&message, NULL, 0, 0) > 0)
        DispatchMessageW(&message);
    if (!windowed)
        Sleep(INFINITE);
    return 0;
}
