//! Where the files of a control group lie: version 2 or 1, wherever they are mounted.

use clap::Args;

use crate::fault::Fault;
use crate::mounts;
use crate::root::Root;

/// `--cgroup[=PATH]`: flatten it into the flags of a check that can look at one control group.
#[derive(Args, Clone, Debug, Default)]
pub struct CgroupFlag {
    /// Judge this control group, such as /system.slice/nginx.service, or the one that ce-check runs in
    #[arg(
        long = "cgroup",
        value_name = "PATH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub cgroup: Option<String>,
}

/// One control group of one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Its name: the path below the top of the hierarchy.
    pub name: String,
    /// The folder of its files, an absolute path of the machine.
    pub folder: String,
    /// Whether it is of the unified hierarchy.
    pub v2: bool,
}

impl Cgroup {
    /// A file in its folder.
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

/// The control group of this path, or of this process where it is empty, that has this file in version 2 or belongs
/// to this controller of version 1.
pub fn find(root: &Root, path: &str, v2_file: &str, v1_controller: &str) -> Result<Cgroup, Fault> {
    let own = if path.is_empty() {
        root.read("/proc/self/cgroup")?
    } else {
        String::new()
    };
    let own_path = |controller: Option<&str>| {
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers) = (fields.next()?, fields.next()?);
            let wanted = match controller {
                None => number == "0" && controllers.is_empty(),
                Some(name) => controllers.split(',').any(|one| one == name),
            };
            if wanted { fields.next() } else { None }
        })
    };
    let mounts = mounts::read(root)?;
    for mount in &mounts {
        let v2 = mount.kind == "cgroup2";
        let v1 = mount.kind == "cgroup"
            && mount
                .super_options
                .split(',')
                .any(|option| option == v1_controller);
        if !v2 && !v1 {
            continue;
        }
        let own_path = own_path((!v2).then_some(v1_controller));
        let Some(name) = (if path.is_empty() {
            own_path
        } else {
            Some(path)
        }) else {
            continue;
        };
        // A container sees only a part of the hierarchy: its paths begin where that part does.
        let subtree = mount.subtree.to_string_lossy();
        let below = name
            .strip_prefix(subtree.trim_end_matches('/'))
            .unwrap_or(name);
        let folder = format!("{}/{}", mount.point.display(), below.trim_matches('/'));
        let cgroup = Cgroup {
            name: name.to_owned(),
            folder: folder.trim_end_matches('/').to_owned(),
            v2,
        };
        let there = |file: &str| root.path(cgroup.file(file)).exists();
        if (v2 && there(v2_file)) || (v1 && root.path(&cgroup.folder).is_dir()) {
            return Ok(cgroup);
        }
    }
    let which = if path.is_empty() {
        "the control group of this process".to_owned()
    } else {
        format!("the control group '{path}'")
    };
    Err(Fault::Absent(format!(
        "{which} has no {v1_controller} accounting: it is missing, at the top, or the controller is off"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(mounts: &str, own: &str, files: &[&str]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("proc/self/mountinfo", mounts);
        put("proc/self/cgroup", own);
        for file in files {
            put(file, "1\n");
        }
        let root = Root::new(folder.path());
        (folder, root)
    }

    const V2: &str = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    const HYBRID: &str = "30 20 0:26 / /cg/unified rw - cgroup2 cgroup2 rw\n31 20 0:27 /docker/x /cg/memory rw - cgroup cgroup rw,memory\n";

    #[test]
    fn the_own_group_a_named_one_and_the_old_hierarchy_are_found() {
        for (mounts, own, path, file, name, folder) in [
            (
                V2,
                "0::/user.slice\n",
                "",
                "sys/fs/cgroup/user.slice/memory.current",
                "/user.slice",
                "/sys/fs/cgroup/user.slice",
            ),
            (
                V2,
                "",
                "/system.slice/nginx.service",
                "sys/fs/cgroup/system.slice/nginx.service/memory.current",
                "/system.slice/nginx.service",
                "/sys/fs/cgroup/system.slice/nginx.service",
            ),
            (
                HYBRID,
                "4:memory:/docker/x/a\n0::/\n",
                "",
                "cg/memory/a/memory.usage_in_bytes",
                "/docker/x/a",
                "/cg/memory/a",
            ),
        ] {
            let (_folder, root) = tree(mounts, own, &[file]);
            let cgroup = find(&root, path, "memory.current", "memory").unwrap();
            assert_eq!(
                (cgroup.name.as_str(), cgroup.folder.as_str()),
                (name, folder)
            );
        }
    }

    #[test]
    fn one_that_is_not_there_is_named() {
        let (_folder, root) = tree(V2, "", &[]);
        let fault = find(&root, "/nope", "memory.current", "memory").unwrap_err();
        assert!(
            fault
                .to_string()
                .starts_with("the control group '/nope' has no memory")
        );
    }
}
