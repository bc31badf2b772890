/* A service for tests, in a process of its own:
 *
 *   LockingService.exe --name NAME [--hold FILE | --use FILE] [--note FILE] [--slow-start MS] [--slow-stop MS]
 *                      [--linger MS] [--never-stops] [--refuses-stop] [--ends-at-start CODE]
 *
 * --hold FILE         keeps the file open without sharing while it runs
 * --use FILE          keeps it open so that others may read it, as the libraries of a program are
 * --note FILE         appends "NAME running" and "NAME stopped" to the file
 * --slow-start MS, --slow-stop MS
 *                     is START_PENDING or STOP_PENDING so long, with a rising checkpoint and a short wait hint
 * --linger MS         says STOPPED at once, but the process and what it holds stay so long
 * --never-stops       is STOP_PENDING for ever, without a rising checkpoint
 * --refuses-stop      takes no stop control
 * --ends-at-start N   ends with N as service specific exit code instead of running
 */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#define STEP_MS 100
#define HINT_MS 1000

static const wchar_t *name = L"", *hold, *note;
static DWORD sharing, slow_start, slow_stop, linger, ends_at_start;
static BOOL never_stops, refuses_stop;
static SERVICE_STATUS_HANDLE manager;
static SERVICE_STATUS status = {SERVICE_WIN32_OWN_PROCESS, SERVICE_STOPPED, 0, 0, 0, 0, 0};
static HANDLE stop_asked;

static void report(DWORD state)
{
    BOOL pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;

    status.dwCheckPoint = pending ? status.dwCheckPoint + 1 : 0;
    status.dwWaitHint = pending ? HINT_MS : 0;
    status.dwCurrentState = state;
    status.dwControlsAccepted = state == SERVICE_RUNNING && !refuses_stop ? SERVICE_ACCEPT_STOP : 0;
    SetServiceStatus(manager, &status);
}

static void take_time(DWORD state, DWORD milliseconds)
{
    for (report(state); milliseconds >= STEP_MS; milliseconds -= STEP_MS) {
        Sleep(STEP_MS);
        report(state);
    }
}

static void write_note(const char *what)
{
    HANDLE file;
    char line[512];
    DWORD written;

    if (note == NULL)
        return;
    file = CreateFileW(note, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return;
    snprintf(line, sizeof line, "%ls %s\n", name, what);
    WriteFile(file, line, (DWORD)strlen(line), &written, NULL);
    CloseHandle(file);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
    (void)type, (void)data, (void)context;
    if (control == SERVICE_CONTROL_INTERROGATE)
        return NO_ERROR;
    if (control != SERVICE_CONTROL_STOP)
        return ERROR_CALL_NOT_IMPLEMENTED;
    report(SERVICE_STOP_PENDING);
    if (!never_stops)
        SetEvent(stop_asked);
    return NO_ERROR;
}

static void WINAPI service_main(DWORD count, wchar_t **arguments)
{
    HANDLE held = INVALID_HANDLE_VALUE;

    (void)count, (void)arguments;
    stop_asked = CreateEventW(NULL, TRUE, FALSE, NULL);
    manager = RegisterServiceCtrlHandlerExW(name, on_control, NULL);
    take_time(SERVICE_START_PENDING, slow_start);
    if (hold != NULL)
        held = CreateFileW(hold, GENERIC_READ, sharing, NULL, OPEN_EXISTING, 0, NULL);
    if (ends_at_start || (hold != NULL && held == INVALID_HANDLE_VALUE)) {
        status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        status.dwServiceSpecificExitCode = ends_at_start ? ends_at_start : GetLastError();
        report(SERVICE_STOPPED);
        return;
    }
    write_note("running");
    report(SERVICE_RUNNING);
    WaitForSingleObject(stop_asked, INFINITE);
    take_time(SERVICE_STOP_PENDING, slow_stop);
    if (!linger && held != INVALID_HANDLE_VALUE)
        CloseHandle(held);
    write_note("stopped");
    report(SERVICE_STOPPED);
}

static DWORD number(const wchar_t *text)
{
    return (DWORD)wcstoul(text, NULL, 10);
}

int wmain(int count, wchar_t **arguments)
{
    SERVICE_TABLE_ENTRYW table[] = {{L"", service_main}, {NULL, NULL}};
    int i;

    for (i = 1; i < count; i++) {
        const wchar_t *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : L"";

        if (!wcscmp(option, L"--never-stops"))
            never_stops = TRUE;
        else if (!wcscmp(option, L"--refuses-stop"))
            refuses_stop = TRUE;
        else {
            i++;
            if (!wcscmp(option, L"--name"))
                name = value;
            else if (!wcscmp(option, L"--hold"))
                hold = value;
            else if (!wcscmp(option, L"--use")) {
                hold = value;
                sharing = FILE_SHARE_READ;
            } else if (!wcscmp(option, L"--note"))
                note = value;
            else if (!wcscmp(option, L"--slow-start"))
                slow_start = number(value);
            else if (!wcscmp(option, L"--slow-stop"))
                slow_stop = number(value);
            else if (!wcscmp(option, L"--linger"))
                linger = number(value);
            else if (!wcscmp(option, L"--ends-at-start"))
                ends_at_start = number(value);
            else
                return 2;
        }
    }
    if (!StartServiceCtrlDispatcherW(table))
        return (int)GetLastError();
    Sleep(linger);
    return 0;
}
