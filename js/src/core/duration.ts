// Durations for people to read; nbrunner/text/durations.py has the same functions.

/** A duration that still grows, as on a clock: 0:42, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A final duration, with more digits: 0.42 s, 12.3 s, 3:05. */
export function took(seconds: number): string {
  if (seconds < 9.995) return `${Math.max(0, seconds).toFixed(2)} s`;
  return seconds < 59.95 ? `${seconds.toFixed(1)} s` : clock(Math.round(seconds));
}
