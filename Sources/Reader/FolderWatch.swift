internal import Dispatch
internal import Glibc

/// Tells at once when files of an archive's folder change, by the kernel's word for it.
///
/// It watches the folder and the newest day in it, where all that is new is written. What it cannot
/// see, since the kernel gives no more watches or a folder came in between, is found by whoever
/// looks now and then. Days that are over stay watched, one watch of the kernel's thousands each.
final class FolderWatch: Sendable {
    private let folder: String
    private let descriptor: Int32
    // Never replaced, and a source of Dispatch may be used on any thread.
    nonisolated(unsafe) private let source: any DispatchSourceRead
    private let queue = DispatchQueue(label: "cerro.reader.watch")

    /// Watches `folder`; nil where the kernel does not watch.
    ///
    /// A folder that comes into being later is watched from the next ``renew()`` on. `onChange` is
    /// called on a thread of its own, any number of changes as one call.
    init?(_ folder: String, onChange: @escaping @Sendable () -> Void) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        (self.folder, self.descriptor) = (folder, descriptor)
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler {
            Self.drain(descriptor)
            Self.watch(folder, descriptor)
            onChange()
        }
        source.setCancelHandler { close(descriptor) }
        Self.watch(folder, descriptor)
        source.activate()
    }

    /// Watches what the kernel has not told of: a folder that was not there, or is another one now.
    func renew() async {
        await withCheckedContinuation { done in
            queue.async { [self] in
                // The descriptor is closed on this queue too.
                if !source.isCancelled { Self.watch(folder, descriptor) }
                done.resume()
            }
        }
    }

    /// Ends the watch.
    func cancel() { source.cancel() }

    deinit { source.cancel() }

    /// Reads what the kernel has said: that something changed is all that matters.
    private static func drain(_ descriptor: Int32) {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
        }
    }

    /// Watches the folder, and the newest year, month and day below it; again is no harm.
    private static func watch(_ folder: String, _ descriptor: Int32) {
        let appearing = UInt32(IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
        let changing = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)
        var path = folder
        for digits in [4, 2, 2] {
            inotify_add_watch(descriptor, path, appearing)
            guard let newest = newest(in: path, digits: digits) else { return }
            path += "/" + newest
        }
        inotify_add_watch(descriptor, path, changing)
    }

    /// The greatest name of so many digits in a folder; nil where there is none.
    private static func newest(in folder: String, digits: Int) -> String? {
        guard let directory = opendir(folder) else { return nil }
        defer { closedir(directory) }
        var newest: String?
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.utf8.count == digits, name.utf8.allSatisfy({ (0x30...0x39).contains($0) })
            else { continue }
            newest = max(newest ?? name, name)
        }
        return newest
    }
}
