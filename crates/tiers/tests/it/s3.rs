//! A real S3 server (s3s-fs: it checks signatures) on loopback, in this process.

use std::fs;
use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tarsier_tiers::bucket::{BucketKey, BucketPlace};
use tarsier_types::Secret;
use tokio::net::TcpListener;

pub(crate) struct S3 {
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl S3 {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("footage")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("user", "the-secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, folder }
    }

    pub(crate) fn place(&self) -> BucketPlace {
        BucketPlace::S3 {
            bucket: "footage".into(),
            region: "us-east-1".into(),
            endpoint: Some(format!("http://{}", self.address)),
            prefix: "home".into(),
        }
    }

    /// Where the objects are on the server's disk.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.folder.path().join("footage/home")
    }
}

pub(crate) fn key(secret: &str) -> BucketKey {
    BucketKey { id: "user".into(), secret: Some(Secret::new(secret.to_owned())) }
}
