import { expect, it } from "vitest";
import { hlsAddress, isOfThisMachine, pageLink, rtspAddress } from "./addresses";

it("names the page, the stream and the playlist with the token in them", () => {
  expect(pageLink("http://127.0.0.1:8787", "a.b.c")).toBe("http://127.0.0.1:8787/#token=a.b.c");
  expect(hlsAddress("https://nas", "front-door", "a.b.c")).toBe(
    "https://nas/live/front-door/index.m3u8?token=a.b.c",
  );
  expect(rtspAddress("rtsp://127.0.0.1:8554", "garden", "sub", "a.b.c")).toBe(
    "rtsp://127.0.0.1:8554/garden/sub?token=a.b.c",
  );
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
