<?php
// Texts in the language of the user, English where a language or a text is missing.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Texts
{
    private function __construct(private array $texts)
    {
    }

    /** The customer's: as chosen in the session, else in the profile. */
    public static function ofClient(array $params): self
    {
        $client = $params['clientsdetails'] ?? [];
        $profile = is_array($client) || $client instanceof \ArrayAccess ? ($client['language'] ?? null) : null;
        return self::first([$_SESSION['Language'] ?? null, $profile, self::system()]);
    }

    /** Staff's, as chosen in the admin area. */
    public static function ofAdmin(): self
    {
        return self::first([$_SESSION['adminlang'] ?? null, self::system()]);
    }

    /** Without a user: names of metrics. */
    public static function ofSystem(): self
    {
        return self::first([self::system()]);
    }

    /** @return string[] the languages there are, by the names of their files */
    public static function languages(): array
    {
        return array_map(static fn ($file) => basename($file, '.php'), glob(dirname(__DIR__) . '/lang/*.php') ?: []);
    }

    public function get(string $key): string
    {
        return $this->texts[$key] ?? $key;
    }

    /** The same, safe inside HTML. */
    public function html(string $key): string
    {
        return Html::text($this->get($key));
    }

    public function direction(): string
    {
        return $this->get('direction') === 'rtl' ? 'rtl' : 'ltr';
    }

    private static function system()
    {
        return $GLOBALS['CONFIG']['Language'] ?? null;
    }

    /** Only names of files that are there are ever opened, whatever a session or profile says. */
    private static function first(array $wanted): self
    {
        $there = self::languages();
        foreach ($wanted as $language) {
            $language = is_string($language) ? strtolower($language) : '';
            // WHMCS spells its own file this way.
            $language = $language === 'ukrainian' ? 'ukranian' : $language;
            if (in_array($language, $there, true)) {
                return new self(array_filter(self::file($language)) + self::file('english'));
            }
        }
        return new self(self::file('english'));
    }

    private static function file(string $language): array
    {
        $texts = require dirname(__DIR__) . "/lang/$language.php";
        return is_array($texts) ? $texts : [];
    }
}
