//! A peer: nginx with its RTMP module, which makes HLS of what FFmpeg reads from the camera and publishes to it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::{Child, Command};

/// Where distributions put it.
const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
const MODULES: [&str; 2] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"];
const PATIENCE: Duration = Duration::from_secs(20);

/// Running, and fed. Dropping it ends both.
pub(crate) struct Nginx {
    server: Child,
    _feeder: Child,
    _folder: tempfile::TempDir,
    http_port: u16,
}

impl Nginx {
    /// Starts it if this machine has it.
    pub(crate) async fn start(camera: &str) -> anyhow::Result<Self> {
        let program = PROGRAMS.iter().find(|path| Path::new(path).is_file());
        let program = program.context("this machine has no nginx")?;
        let module = MODULES.iter().map(|folder| Path::new(folder).join("ngx_rtmp_module.so"));
        let module = module.into_iter().find(|path| path.is_file());
        let module = module.context("this machine's nginx has no RTMP module")?;
        let folder = tempfile::tempdir()?;
        let (http_port, rtmp_port) = (free_port()?, free_port()?);
        let file = folder.path().join("nginx.conf");
        let wanted = Wanted { module, folder: folder.path().to_owned(), http_port, rtmp_port };
        std::fs::write(&file, wanted.configuration())?;
        let mut server = Command::new(program)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-p")
            .arg(folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start nginx")?;
        let begun = tokio::time::Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", rtmp_port)).await.is_err() {
            if let Some(status) = server.try_wait()? {
                bail!("nginx ended with {status}");
            }
            ensure!(begun.elapsed() < PATIENCE, "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let feeder = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", camera])
            .args(["-an", "-c", "copy", "-f", "flv"])
            .arg(format!("rtmp://127.0.0.1:{rtmp_port}/live/camera"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start ffmpeg, which feeds nginx")?;
        Ok(Self { server, _feeder: feeder, _folder: folder, http_port })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.id().unwrap_or_default()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hls/camera.m3u8", self.http_port)
    }
}

struct Wanted {
    module: PathBuf,
    folder: PathBuf,
    http_port: u16,
    rtmp_port: u16,
}

impl Wanted {
    /// One process, as small as it can be; segments as long as ours.
    fn configuration(&self) -> String {
        let Self { http_port, rtmp_port, .. } = self;
        let (module, folder) = (self.module.display(), self.folder.display());
        format!(
            "load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{rtmp_port};
        application live {{
            live on;
            hls on;
            hls_path {folder}/hls;
            hls_fragment 2s;
            hls_playlist_length 12s;
        }}
    }}
}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{http_port};
        location /hls/ {{ root {folder}; }}
    }}
}}
"
        )
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
