# Sourced: Wine with a Windows of our own below .cache/wine, without a display.

home=$PWD/.cache/wine

missing() {
    printf '%s is not installed: apt install %s\n' "$1" "$2" >&2
    exit 1
}

# Debian keeps them out of PATH where the package wine is not installed.
WINE=$(PATH=$PATH:/usr/lib/wine command -v wine64) || missing Wine wine64
WINESERVER=$(PATH=$PATH:/usr/lib/wine command -v wineserver) || missing wineserver wine64
command -v x86_64-w64-mingw32-gcc >/dev/null || missing mingw gcc-mingw-w64-x86-64

ours=(
    WINEPREFIX="$home/prefix" WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml='
    # The .py files are shared with Linux, what is compiled from them is not.
    PYTHONPYCACHEPREFIX="Z:${home//\//\\}\\compiled"
    PYTHONPATH="Z:${home//\//\\}\\packages" PYTHONUTF8=1
)

wine() {
    env -u DISPLAY -u WAYLAND_DISPLAY -u PYTHONDONTWRITEBYTECODE "${ours[@]}" "$WINE" "$@"
}

wineserver_of_ours() {
    env "${ours[@]}" "$WINESERVER" "$@"
}
