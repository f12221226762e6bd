import { expect, it } from "vitest";
import type { RtspServer } from "../../hub/generated/RtspServer";
import { hlsAddress, isOfThisMachine, pageLink, rtspAddress, waysIn } from "./addresses";

it("names the page, the stream and the playlist with the token in them", () => {
  expect(pageLink("http://127.0.0.1:8787", "a.b.c")).toBe("http://127.0.0.1:8787/#token=a.b.c");
  expect(hlsAddress("https://nas", "front-door", "a.b.c")).toBe(
    "https://nas/live/front-door/index.m3u8?token=a.b.c",
  );
  const login = { username: "0a1b", password: "2c3d" };
  expect(rtspAddress("rtsps://127.0.0.1:8322", "garden", "sub", login)).toBe(
    "rtsps://0a1b:2c3d@127.0.0.1:8322/garden/sub",
  );
});

it("offers first what nobody else reads and others reach", () => {
  const server = (url: string | null, tls: string | null): RtspServer => ({
    url,
    tls_url: tls,
    problem: null,
    tls_problem: null,
    certificate: null,
  });
  const kinds = (url: string | null, tls: string | null): string[] =>
    waysIn(server(url, tls)).map(({ kind }) => kind);
  const [here, hereTls] = ["rtsp://127.0.0.1:8554", "rtsps://127.0.0.1:8322"];
  const [far, farTls] = ["rtsp://192.0.2.7:8554", "rtsps://192.0.2.7:8322"];
  expect(kinds(here, hereTls)).toEqual(["rtsp", "rtsps"]);
  expect(kinds(here, farTls)).toEqual(["rtsps", "rtsp"]);
  expect(kinds(far, farTls)).toEqual(["rtsps", "rtspOpen"]);
  expect(kinds(here, null)).toEqual(["rtsp"]);
  expect(kinds(null, hereTls)).toEqual(["rtsps"]);
  expect(kinds(null, null)).toEqual([]);
});

it("knows what no other machine can open", () => {
  for (const address of ["http://127.0.0.1:8787/", "rtsp://localhost:8554/a", "http://[::1]:80/"]) {
    expect(isOfThisMachine(address), address).toBe(true);
  }
  for (const address of [
    "http://192.0.2.7:8787/",
    "https://localhost.example.org/",
    "rtsp://127.example/a",
  ]) {
    expect(isOfThisMachine(address), address).toBe(false);
  }
});
