/* Stands for the product's ClientSetup.exe in tests: writes its command line and its working folder to
 * ClientSetup.ran there, in UTF-8, and ends with the number in ClientSetup.code, else 0. */
#include <stdio.h>
#include <windows.h>

static void write_line(FILE *file, const wchar_t *text)
{
    char utf8[4 * 32768];
    WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, NULL, NULL);
    fprintf(file, "%s\n", utf8);
}

int wmain(void)
{
    static wchar_t folder[32768];
    int code = 0;
    FILE *file = fopen("ClientSetup.ran", "wb");

    if (file == NULL)
        return 99;
    write_line(file, GetCommandLineW());
    GetCurrentDirectoryW(32768, folder);
    write_line(file, folder);
    fclose(file);
    file = fopen("ClientSetup.code", "rb");
    if (file != NULL) {
        if (fscanf(file, "%d", &code) != 1)
            code = 98;
        fclose(file);
    }
    return code;
}
