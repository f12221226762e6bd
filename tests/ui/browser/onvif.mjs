// A camera's ONVIF side, as much as a page needs: it says what it can turn, and keeps what it was told.
import { createServer } from "node:http";

const PRESETS = ["Front door", "Gate and street", "Garden", "The bins"];
const SPACES = ["PanTilt", "Zoom"]
  .map(
    (of) =>
      `<DefaultContinuous${of}VelocitySpace>x</DefaultContinuous${of}VelocitySpace>`,
  )
  .join("");

function answer(operation, body, told, mood) {
  const attribute = (name, key) =>
    new RegExp(`<${name} [^>]*\\b${key}="([^"]*)"`).exec(body)?.[1] ?? "-";
  switch (operation) {
    case "GetCapabilities":
      return "<Capabilities><Media><XAddr>http://0.0.0.0/m</XAddr></Media><PTZ><XAddr>http://0.0.0.0/p</XAddr></PTZ></Capabilities>";
    case "GetProfiles":
      return `<Profiles token="p"><PTZConfiguration token="c">${SPACES}</PTZConfiguration></Profiles>`;
    case "GetPresets":
      return PRESETS.map(
        (name, at) => `<Preset token="${at}"><Name>${name}</Name></Preset>`,
      ).join("");
    case "ContinuousMove":
      told.push({
        pan: Number(attribute("PanTilt", "x")),
        tilt: Number(attribute("PanTilt", "y")),
        zoom: Number(attribute("Zoom", "x")),
      });
      return "";
    case "Stop":
      told.push("stop");
      return "";
    case "GotoPreset":
      if (mood.refuses) return null;
      told.push(`to ${/<PresetToken>(.*?)</.exec(body)?.[1]}`);
      return "";
    default:
      return "";
  }
}

/** Starts one: where it is, what it was told, and how it is ended. */
export async function onvifCamera() {
  const told = [];
  const mood = { refuses: false };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part) => (body += part));
    request.on("end", () => {
      const operation = /<s:Body><(\w+)/.exec(body)?.[1] ?? "";
      const inner = answer(operation, body, told, mood);
      const said =
        inner === null
          ? "<s:Fault><s:Reason><s:Text>No such preset</s:Text></s:Reason></s:Fault>"
          : `<${operation}Response>${inner}</${operation}Response>`;
      response.writeHead(inner === null ? 500 : 200, {
        "content-type": "application/soap+xml",
      });
      response.end(
        `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>${said}</s:Body></s:Envelope>`,
      );
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    told,
    mood,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
