// What the log and its toolbar have in common.

export interface LogValues {
  name: string;
  total: number;
  lines: number;
  ended: boolean;
  steps: string[];
  step: string;
  stream: string;
  query: string;
  follow: boolean;
  wrap: boolean;
  revision: number;
  matches: number;
  counting: boolean;
  current: number;
}

/** What the log asks the kernel for, and what it tells the model. */
export interface LogRequests {
  /** Have lines sent; tells whether they came. */
  window(start: number, stop: number, revision: number): Promise<boolean>;
  match(index: number, revision: number): Promise<number>;
  whole(number: number, revision: number): Promise<string>;
  download(): Promise<void>;
  /** Give how many lines above were too many for the clipboard; null where it may not be written. */
  copy(): Promise<number | null>;
  set(values: Partial<LogValues>): void;
}
