// The few globals that browsers and Node share; core sees neither DOM nor Node types.
declare class URL {
  constructor(url: string, base?: string);
  readonly origin: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  username: string;
  password: string;
  pathname: string;
  search: string;
  hash: string;
  readonly href: string;
  toString(): string;
}
