//! The S3 store against moto.

use std::io::ErrorKind;

use ce_vault::conformance::{conforms, noise};
use ce_vault::store::Store;
use ce_vault::store::s3::{LockMode, ObjectLock, S3, S3Store};
use zeroize::Zeroizing;

use super::moto::Moto;

fn open(s3: S3) -> S3Store {
    S3Store::open(s3).expect("a bucket")
}

fn refused(s3: S3) -> (ErrorKind, String) {
    let error = S3Store::open(s3).expect_err("refused");
    (error.kind(), error.to_string())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn a_bucket_conforms_with_keys_and_with_a_session_below_an_odd_prefix() {
    let moto = Moto::shared();
    conforms(&open(moto.bucket("plain")));
    let beside = open(moto.bucket("second"));
    beside.put("other", b"beside").expect("stored");
    let odd = S3 {
        prefix: "/ser ver/a+b%41/ä~(1)/".to_owned(),
        ..moto.bucket_of_session("second")
    };
    conforms(&open(odd));
    assert_eq!(beside.get("other").expect("there"), b"beside");
}

#[test]
fn what_is_large_goes_in_parts_and_nothing_is_left_behind() {
    let moto = Moto::shared();
    let store = open(moto.bucket("parts"));
    let bytes = noise((64 << 20) + 4711);
    store.put("packs/aa/large", &bytes).expect("stored");
    assert!(store.get("packs/aa/large").expect("there") == bytes);
    assert_eq!(
        store.list("packs").expect("listed")[0].size,
        bytes.len() as u64
    );
    assert!(
        !store
            .put_new("packs/aa/large", &bytes[1..])
            .expect("answered")
    );
    assert!(store.put_new("packs/aa/another", &bytes).expect("answered"));
    store.sweep(now() + 1000).expect("swept");
}

#[test]
fn what_is_locked_is_protected_and_stays_so_longer_when_asked() {
    let moto = Moto::shared();
    for (mode, prefix) in [(LockMode::Governance, "g"), (LockMode::Compliance, "c")] {
        let lock = ObjectLock { mode, days: 30 };
        let store = open(S3 {
            object_lock: Some(lock),
            prefix: prefix.to_owned(),
            ..moto.bucket("locked")
        });
        let month = now() + 30 * 86_400;
        for name in ["packs/aa/x", "index/x", "keys/x", "snapshots/1"] {
            store.put(name, b"bytes").expect("stored");
            let until = store
                .protects_until(name)
                .expect("answered")
                .expect("protected");
            assert!(
                (until - month).abs() < 60,
                "{name} is protected until {until}"
            );
        }
        store.put("config", b"bytes").expect("stored");
        assert_eq!(store.protects_until("config").expect("answered"), None);
        let later = month + 60 * 86_400;
        store.extend("packs/aa/x", later).expect("extended");
        assert_eq!(
            store.protects_until("packs/aa/x").expect("answered"),
            Some(later)
        );
        store
            .extend("packs/aa/x", month)
            .expect("no less than before");
        assert_eq!(
            store.protects_until("packs/aa/x").expect("answered"),
            Some(later)
        );
        let missing = store
            .protects_until("packs/aa/y")
            .map_err(|error| error.kind());
        assert_eq!(missing, Err(ErrorKind::NotFound));
    }
}

#[test]
fn a_bucket_that_does_not_lock_is_found_out_at_the_first_object() {
    let moto = Moto::shared();
    let lock = ObjectLock {
        mode: LockMode::Governance,
        days: 1,
    };
    let store = open(S3 {
        object_lock: Some(lock),
        prefix: "unlocked".to_owned(),
        ..moto.bucket("parts")
    });
    let error = store
        .put("packs/aa/x", &noise(64 << 20))
        .expect_err("not protected");
    assert!(
        error
            .to_string()
            .contains("is not protected: the bucket 'parts' has no object lock"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let moto = Moto::shared();
    let (kind, said) = refused(moto.bucket("nowhere"));
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert!(said.ends_with("there is no bucket 'nowhere'"), "{said}");
    let wrong = moto.bucket_but("plain", |keys| {
        keys.secret_key = Zeroizing::new("wrong".to_owned());
    });
    let (kind, said) = refused(wrong);
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(
        said.contains("the secret key does not belong to the access key 'ASIA"),
        "{said}"
    );
    let unknown = moto.bucket_but("plain", |keys| keys.access_key = "AKIAUNKNOWN".to_owned());
    let (_, said) = refused(unknown);
    assert!(
        said.ends_with("the storage does not know the access key 'AKIAUNKNOWN'"),
        "{said}"
    );
    let stale = moto.bucket_but("plain", |keys| {
        keys.session_token = Some(Zeroizing::new("stale".to_owned()));
    });
    let (_, said) = refused(stale);
    assert!(said.contains("has expired or is another's"), "{said}");
}
