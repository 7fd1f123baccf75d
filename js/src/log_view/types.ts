// The types that the log and its toolbar share.

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

/** The log's requests to the kernel, and its changes of the model. */
export interface LogRequests {
  /** Request lines; resolves to whether they have arrived. */
  window(start: number, stop: number, revision: number): Promise<boolean>;
  match(index: number, revision: number): Promise<number>;
  whole(number: number, revision: number): Promise<string>;
  download(): Promise<void>;
  /** Copy the log; resolves to the number of first lines left out, or null if copying is not allowed. */
  copy(): Promise<number | null>;
  set(values: Partial<LogValues>): void;
}
