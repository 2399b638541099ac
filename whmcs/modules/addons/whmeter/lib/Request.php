<?php
// What a browser asks of the page: one tab, its filters, its place in a list, or something to be done.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Request
{
    private const LONGEST = 512;

    /** @param array $query, $form as they came */
    public function __construct(private string $link, private array $query, private array $form)
    {
    }

    /** A value of the address; empty where there is none, or it is no plain text. */
    public function get(string $name): string
    {
        return self::text($this->query[$name] ?? '');
    }

    /** A value of the form that was sent. */
    public function sent(string $name): string
    {
        return self::text($this->form[$name] ?? '');
    }

    public function isAction(): bool
    {
        return $this->sent('whmeter_do') !== '';
    }

    /** The address of a tab with these values; empty ones are left out. */
    public function url(string $tab, array $values = []): string
    {
        $values = array_filter(['tab' => $tab, 'entry' => $this->get('entry')] + $values, static fn ($value) => (string) $value !== '');
        return $this->link . '&' . http_build_query($values, '', '&');
    }

    /** The same tab with the same filters, for a form that comes back to it. */
    public function here(array $more = []): string
    {
        $kept = [];
        foreach (['what', 'state', 'backend', 'account', 'cursor', 'page'] as $name) {
            $kept[$name] = $this->get($name);
        }
        return $this->url($this->get('tab') ?: 'overview', $more + $kept);
    }

    private static function text($value): string
    {
        return is_scalar($value) && strlen((string) $value) <= self::LONGEST ? (string) $value : '';
    }
}
