"""The installer's window: pick a hotfix, see what it does, apply it (manual: HOTFIX UPDATES, 1. Install the hotfix)."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Iterable
from pathlib import Path
from tkinter import filedialog, ttk
from tkinter.scrolledtext import ScrolledText
from typing import Any

from deploy.errors import Problem
from hotfix.background import Background, Failed
from hotfix.conversation import details, doing, result_lines, standing, steps, warning_text
from hotfix.events import Event, Progress
from hotfix.install import Applied
from hotfix.log import Log
from hotfix.planned import Plan, Verdict
from hotfix.target import Target

TITLE = "MiCC Enterprise HotFix Installer"
POLL = 40  # milliseconds
DONE, FAILED = 0, 1
_PAD = 8
_INSET = 120


def can_open() -> bool:
    """Whether there is a display that a window can be shown on."""
    try:
        tk.Tk().destroy()
    except tk.TclError:
        return False
    return True


def show(config: str | None, target: Target, log: Log) -> int:
    """Show the window until it is closed; returns 0 if a hotfix was applied or had nothing to do here, else 1."""
    window = Window(tk.Tk(), Background(target, log), log.path)
    if config is not None:
        window.open(config)
    window.root.mainloop()
    return window.exit_code


def _choose() -> str:
    chosen = filedialog.askopenfilename(
        title="Choose the hotfix", filetypes=[("Hotfix", "*.config"), ("All files", "*.*")]
    )
    return str(chosen or "")


class Window:
    """The window and its parts; `choose` asks for a file and returns "" for none."""

    def __init__(
        self, root: tk.Tk, background: Background, log_path: Path, choose: Callable[[], str] = _choose
    ) -> None:
        self.root = root
        self.exit_code = FAILED
        self.warning: Question | None = None
        self._background = background
        self._choose = choose
        self._plan: Plan | None = None
        self.path = tk.StringVar(root)
        self.state = tk.StringVar(root, "Choose the *.config file of a hotfix.")
        root.title(TITLE)
        style = ttk.Style(root)
        if "vista" not in style.theme_names():
            style.theme_use("clam")  # the least dated one elsewhere
        root.minsize(560, 480)
        root.geometry("760x620")
        root.protocol("WM_DELETE_WINDOW", self.close)
        self._build(log_path)
        self.browse_button.focus_set()
        self._next_poll = root.after(POLL, self._poll)

    def _build(self, log_path: Path) -> None:
        frame = ttk.Frame(self.root, padding=_PAD * 2)
        frame.pack(fill="both", expand=True)
        frame.columnconfigure(1, weight=1)
        ttk.Label(frame, text="Hotfix:").grid(row=0, column=0, sticky="w")
        self.entry = ttk.Entry(frame, textvariable=self.path)
        self.entry.grid(row=0, column=1, sticky="ew", padx=_PAD)
        self.entry.bind("<Return>", lambda _: self.open(self.path.get()))
        self.browse_button = ttk.Button(frame, text="Browse …", command=self.browse, underline=0)
        self.browse_button.grid(row=0, column=2)
        self.root.bind("<Alt-b>", lambda _: self.browse())
        self.details = self._text(frame, 1, 4, "TkDefaultFont")
        self.plan_text = self._text(frame, 2, 10, "TkFixedFont")
        self._label(frame, 3, textvariable=self.state, font="TkHeadingFont")
        self.bar = ttk.Progressbar(frame)
        self.bar.grid(row=4, column=0, columnspan=3, sticky="ew")
        self.log_text = self._text(frame, 5, 6, "TkDefaultFont")
        self._label(frame, 6, text=f"Log: {log_path}")
        buttons = ttk.Frame(frame)
        buttons.grid(row=7, column=0, columnspan=3, sticky="e", pady=(_PAD, 0))
        self.apply_button = ttk.Button(buttons, text="Apply", command=self.apply, underline=0, state="disabled")
        self.apply_button.pack(side="left", padx=_PAD)
        self.close_button = ttk.Button(buttons, text="Close", command=self.close, underline=0)
        self.close_button.pack(side="left")
        self.root.bind("<Alt-a>", lambda _: self.apply_button.invoke())
        self.root.bind("<Alt-c>", lambda _: self.close())
        self.root.bind("<Escape>", lambda _: self.close())
        frame.rowconfigure(2, weight=2)
        frame.rowconfigure(5, weight=1)

    def _label(self, frame: ttk.Frame, row: int, **options: Any) -> None:
        """A line that is broken where the window ends."""
        label = ttk.Label(frame, **options)
        label.grid(row=row, column=0, columnspan=3, sticky="ew", pady=(_PAD, 0))
        label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))

    def _text(self, frame: ttk.Frame, row: int, height: int, font: str) -> ScrolledText:
        text = ScrolledText(frame, height=height, wrap="word", state="disabled", font=font, relief="flat")
        text.grid(row=row, column=0, columnspan=3, sticky="nsew", pady=(_PAD, 0))
        # Read-only, and yet reached by the keyboard.
        text.configure(takefocus=True)
        text.vbar.configure(takefocus=False)
        text.bind("<Tab>", _next)
        return text

    def browse(self) -> None:
        """Ask for the file, then show its plan."""
        if not self._background.busy and (chosen := self._choose()):
            self.open(chosen)

    def open(self, config: str) -> None:
        """Show what a hotfix would do; changes nothing."""
        path = config.strip().strip('"')
        if self._background.busy or not path:
            return
        self.path.set(path)
        self._plan = None
        self.apply_button.configure(state="disabled")
        self._show(self.details, ())
        self._show(self.plan_text, ())
        self.state.set("Looking at the hotfix and at this computer …")
        self.bar.configure(mode="indeterminate")
        self.bar.start()
        self._background.plan(Path(path))

    def apply(self) -> None:
        """Apply what is shown, after a warning where services or programs will be stopped."""
        plan = self._plan
        if plan is None or plan.verdict is not Verdict.READY or self._background.busy or self.warning is not None:
            return
        text = warning_text(plan)
        if text:
            self.warning = Question(self.root, text, self._answered)
        else:
            self._go_on(plan)

    def _answered(self, agreed: bool) -> None:
        self.warning = None
        if agreed and self._plan is not None:
            self._go_on(self._plan)
            return
        self._background.cancelled()
        self.state.set("Cancelled. Nothing was changed.")

    def _go_on(self, plan: Plan) -> None:
        for button in (self.apply_button, self.browse_button, self.close_button):
            button.configure(state="disabled")
        self.entry.configure(state="disabled")
        self.state.set("Applying. This cannot be interrupted; if the computer fails, the next start undoes it.")
        self.bar.configure(mode="determinate", value=0)
        self._background.apply(plan)

    def close(self) -> None:
        """Close the window, unless work is under way."""
        if self._background.busy:
            self.state.set("Work is under way: the window can be closed when it has ended.")
            return
        self._take()
        self.root.after_cancel(self._next_poll)
        self.root.destroy()

    def _poll(self) -> None:
        self._take()
        self._next_poll = self.root.after(POLL, self._poll)

    def _take(self) -> None:
        while (message := self._background.take()) is not None:
            match message:
                case Plan():
                    self._planned(message)
                case Applied():
                    self._applied(message)
                case Failed(problems):
                    self._failed(problems)
                case _:
                    self._event(message)

    def _event(self, event: Event) -> None:
        match event:
            case Progress(done, total):
                self.bar.configure(maximum=max(total, 1), value=done)
            case _:
                self._log_line(doing(event))

    def _planned(self, plan: Plan) -> None:
        self._idle()
        self._plan = plan
        self._show(self.details, details(plan))
        self._show(self.plan_text, (*steps(plan), *_words((*plan.reasons, *plan.warnings))))
        self.state.set(standing(plan))
        if plan.verdict is Verdict.READY:
            self.apply_button.configure(state="normal")
            self.apply_button.focus_set()
        self.exit_code = DONE if plan.verdict is Verdict.NOT_APPLICABLE else FAILED

    def _applied(self, applied: Applied) -> None:
        self._idle()
        self.exit_code = DONE
        self.bar.configure(maximum=1, value=1)
        lines = result_lines(applied)
        for line in (*lines, *_words(applied.warnings)):
            self._log_line(line)
        self.state.set(f"Done: {'; '.join(lines)}.")

    def _failed(self, problems: Iterable[Problem]) -> None:
        self._idle()
        self.exit_code = FAILED
        self.bar.configure(value=0)
        words = _words(problems)
        for line in words:
            self._log_line(line)
        self.state.set(f"Failed: {words[0]}")

    def _idle(self) -> None:
        self.bar.stop()
        self.bar.configure(mode="determinate", value=0)
        self._plan = None
        self.apply_button.configure(state="disabled")
        self.browse_button.configure(state="normal")
        self.close_button.configure(state="normal")
        self.entry.configure(state="normal")

    def _log_line(self, line: str) -> None:
        self.log_text.configure(state="normal")
        self.log_text.insert("end", f"{line}\n")
        self.log_text.see("end")
        self.log_text.configure(state="disabled")

    def _show(self, text: ScrolledText, lines: Iterable[str]) -> None:
        text.configure(state="normal")
        text.delete("1.0", "end")
        text.insert("end", "\n".join(lines))
        text.configure(state="disabled")


class Question:
    """The question before services are stopped; `answered` is called once, with whether to go on."""

    def __init__(self, parent: tk.Tk, text: str, answered: Callable[[bool], None]) -> None:
        self._answered = answered
        self.text = text
        self.box = tk.Toplevel(parent)
        self.box.title(f"{TITLE}: warning")
        self.box.transient(parent)
        self.box.protocol("WM_DELETE_WINDOW", self.cancel)
        self.box.geometry(f"+{parent.winfo_rootx() + _INSET}+{parent.winfo_rooty() + _INSET}")
        frame = ttk.Frame(self.box, padding=_PAD * 3, relief="solid", borderwidth=1)
        frame.pack(fill="both", expand=True)
        ttk.Label(frame, text="Before files are replaced", font="TkHeadingFont").pack(anchor="w", pady=(0, _PAD))
        ttk.Label(frame, text=text, wraplength=460, justify="left").pack(anchor="w", pady=(0, _PAD * 2))
        self.cancel_button = ttk.Button(frame, text="Cancel", command=self.cancel)
        self.cancel_button.pack(side="right")
        self.continue_button = ttk.Button(frame, text="Stop them and apply", command=self.agree)
        self.continue_button.pack(side="right", padx=_PAD)
        self.box.bind("<Escape>", lambda _: self.cancel())
        self.box.bind("<Return>", lambda _: self._press())
        self.cancel_button.focus_set()
        self.box.wait_visibility()
        self.box.grab_set()

    def _press(self) -> None:
        """Return presses the button that has the focus, which is Cancel at first."""
        focus = self.box.focus_get()
        if focus is self.continue_button:
            self.agree()
        else:
            self.cancel()

    def agree(self) -> None:
        """Go on."""
        self._end(True)

    def cancel(self) -> None:
        """Change nothing."""
        self._end(False)

    def _end(self, agreed: bool) -> None:
        self.box.grab_release()
        self.box.destroy()
        self._answered(agreed)


def _words(problems: Iterable[Problem]) -> tuple[str, ...]:
    return tuple(f"{one.message}; {one.hint}" if one.hint else one.message for one in problems)


def _next(event: tk.Event[tk.Misc]) -> str:
    following = event.widget.tk_focusNext()
    if following is not None:
        following.focus_set()
    return "break"
