internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Log
internal import SiteConfig

/// Which archive is meant.
struct ArchiveOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The archive; else that of the site file.", valueName: "folder"),
        completion: .directory
    )
    var directory: String?

    @OptionGroup var site: SiteOption

    /// The trees of `.g3` files beside it, where the site file tells them.
    func trees() throws(CommandFailure) -> [String] {
        directory == nil ? try site.load().archive.g3 : []
    }

    /// The archive's folder; that of one which `mayBegin` here is not made unasked, since on
    /// another host it would be a second one.
    func archive(mayBegin: Bool = false) throws(CommandFailure) -> ArchiveDirectory {
        let path: String
        if let directory { path = directory } else { path = try site.load().archive.directory }
        let archive = ArchiveDirectory(path)
        let isBegun: Bool
        do throws(ArchiveError) { isBegun = try archive.isBegun() } catch {
            throw CommandFailure(.failed, Self.reason(error, path, mayBegin))
        }
        // A look at the wrong folder finds nothing wrong, which must not pass for good news.
        guard isBegun || mayBegin else {
            throw CommandFailure(
                .failed,
                "\(path) is no archive: it has neither `archive.id` nor files of days, as "
                    + "`2026/11/21`. Name the archive with --directory, or run this on its host; "
                    + "a new one begins when its aggregator first runs"
            )
        }
        return archive
    }

    private static func reason(_ error: ArchiveError, _ path: String, _ mayBegin: Bool) -> String {
        switch error {
        case .disk(.missing), .disk(.failed(_, _, ENOTDIR, _)):
            "there is no folder \(path). Name the archive with --directory, or run this on its "
                + "host" + (mayBegin ? "; if it is to begin here, `mkdir \(path)`" : "")
        case .disk(.failed(_, _, EACCES, _)): "\(Refusal(of: path))"
        default: "\(error)"
        }
    }
}
