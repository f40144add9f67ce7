public import Access
internal import Glibc
public import ZeroMQ

/// The key pair of the person, or the script, that runs a program.
public enum PersonalKey {
    /// The variable that names its secret key: a file, or a name in the folder of keys.
    public static let variable = "CERRO_KEY"
    /// Who has a key at each site from the beginning.
    public static let firstPerson = "operator"

    /// What the person who runs this program is called; a service has no `USER`, and an account.
    public static func person(_ environment: [String: String]) -> String {
        let name = environment["USER"] ?? ""
        return name.isEmpty ? account : String(name.prefix(64))
    }

    private static let account =
        getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) }
        ?? "uid \(getuid())"

    /// The pair that `CERRO_KEY` names, else that of the person, else that of `operator`.
    ///
    /// - Throws: `AccessError`, which says who makes one.
    public static func pair(
        in folder: KeyFolder,
        _ environment: [String: String]
    ) throws(AccessError) -> KeyPair {
        let advice =
            "ask who keeps access.yaml for a key (`cerro keys new \(person(environment))`), and "
            + "name its file in $\(variable)"
        if let named = environment[variable], !named.isEmpty {
            let file = named.contains("/") ? named : folder.secretFile(of: named)
            return try KeyFolder.pair(inFile: file, advice: advice)
        }
        let names = [person(environment), firstPerson]
        let name = names.first(where: folder.hasPair) ?? names[0]
        return try KeyFolder.pair(inFile: folder.secretFile(of: name), advice: advice)
    }
}
