import { expect, it } from "vitest";
import type { Camera } from "../../hub/generated/Camera";
import { camerasOf, newToken, streamsGiven, streamsOf, type Grant } from "./grant";

const grant: Grant = {
  subject: " The neighbour ",
  purpose: "pages",
  cameras: null,
  streams: "sub",
  lifetime: "hour",
};

it("asks for a viewer of everything where nothing is left out", () => {
  expect(newToken(grant)).toEqual({
    subject: "The neighbour",
    role: "viewer",
    cameras: null,
    streams: null,
    rights: null,
    ttl_seconds: 3600,
  });
});

it("asks for pictures alone where a program is to have them", () => {
  const asked = newToken({ ...grant, purpose: "live", cameras: ["garden"] });
  expect([asked.cameras, asked.streams, asked.rights]).toEqual([["garden"], ["sub"], ["live"]]);
  const both = newToken({ ...grant, purpose: "both", streams: "both" });
  expect([both.streams, both.rights]).toEqual([null, ["live", "playback"]]);
});

it("never makes a token for nothing out of one for everything", () => {
  expect(newToken({ ...grant, cameras: [] }).cameras, "no camera is not every camera").toEqual([]);
});

it("knows which streams of a camera are given", () => {
  const address = { url: "rtsp://192.0.2.7/", transport: "tcp" } as const;
  const one = { main: address, sub: null } as unknown as Camera;
  const two = { ...one, sub: address };
  expect(streamsOf(one, "both")).toEqual(["main"]);
  expect(streamsOf(one, "sub")).toEqual([]);
  expect(streamsOf(two, "both")).toEqual(["main", "sub"]);
  expect(streamsOf(two, "sub")).toEqual(["sub"]);
});

it("finds the cameras that something of is given", () => {
  const address = { url: "rtsp://192.0.2.7/", transport: "tcp" } as const;
  const named = (id: string, sub: boolean): Camera =>
    ({ id, main: address, sub: sub ? address : null }) as unknown as Camera;
  const cameras = [named("garden", true), named("gate", false)];
  const ids = (given: string[] | null, streams: "both" | "sub"): string[] =>
    camerasOf(cameras, given, streams).map(({ id }) => id);
  expect(ids(null, "both")).toEqual(["garden", "gate"]);
  expect(ids(["gate", "gone"], "both")).toEqual(["gate"]);
  expect(ids(null, "sub")).toEqual(["garden"]);
  expect([streamsGiven(null), streamsGiven(["sub"]), streamsGiven(["main", "sub"])]).toEqual([
    "both",
    "sub",
    "both",
  ]);
});
